"""PyTorch's files: what wraps the arrays is taken off, and a hostile file costs neither code, nor memory, nor time."""

import io
import pickle
import random
import tarfile
import tracemalloc
import zipfile
from collections import Counter, OrderedDict

import numpy as np
import pytest

from jaxcnn.errors import DataMissingError, JaxcnnError, UsageError
from jaxcnn.interop.formats import format_of
from jaxcnn.interop.pytorch_file import read

torch = pytest.importorskip("torch", reason="torch reads these files")

WEIGHTS = OrderedDict({"conv1.weight": torch.arange(24.0).reshape(2, 3, 2, 2), "fc.bias": torch.ones(5)})


class Call:
    """Pickled as a call, which reading the pickle would make."""

    def __init__(self, function, *arguments) -> None:
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def saved(content, *, archive: bool = True) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream, _use_new_zipfile_serialization=archive)
    return stream.getvalue()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "weights.pth"


@pytest.mark.parametrize("archive", [True, False])
@pytest.mark.parametrize(
    "content",
    [
        WEIGHTS,
        {"state_dict": WEIGHTS, "epoch": 7, "best_prec1": torch.tensor(91.7)},
        {"model": {"state_dict": WEIGHTS}, "scheduler": {"milestones": Counter({100: 1})}, "optimizer": {"state": {}}},
        {"net": {f"module.{name}": torch.nn.Parameter(values) for name, values in WEIGHTS.items()}},
        {"state_dict_ema": WEIGHTS, "state_dict": {name: values + 1 for name, values in WEIGHTS.items()}},
        {**WEIGHTS, "bn1.num_batches_tracked": torch.tensor(9)},
        {name: values.t().contiguous().t() if values.ndim == 2 else values for name, values in WEIGHTS.items()},
    ],
    ids=["bare", "checkpoint", "nested", "parallel", "average", "counter", "strided"],
)
def test_the_arrays_are_found_within_what_wraps_them(content, archive, file):
    file.write_bytes(saved(content, archive=archive))
    assert format_of(file) == "pytorch"
    found = read(file)
    assert set(found.arrays) == set(WEIGHTS)
    for name, values in WEIGHTS.items():
        np.testing.assert_array_equal(found.arrays[name], values.numpy())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_floating_point_becomes_float32_and_is_named(dtype, file):
    values = torch.linspace(-3, 3, 11).to(dtype)
    file.write_bytes(saved({"fc.bias": values}))
    found = read(file)
    assert found.arrays["fc.bias"].dtype == np.float32
    np.testing.assert_array_equal(found.arrays["fc.bias"], values.float().numpy())
    if dtype != torch.bfloat16:
        assert str(dtype).removeprefix("torch.") in " ".join(found.adapted)


@pytest.mark.parametrize("archive", [True, False])
@pytest.mark.parametrize(
    ("hostile", "named"),
    [
        (Call(exec, "raise SystemExit(1)"), "exec"),
        (Call(bytearray, 2**33), "bytearray"),  # torch itself would make it: 8 GiB
        (Call(torch.FloatTensor, 2**33), "FloatTensor"),
        (torch.nn.Linear(2, 2), "Linear"),
    ],
    ids=["code", "bytes", "tensor", "module"],
)
def test_other_objects_are_refused_before_they_are_made(hostile, named, archive, file):
    file.write_bytes(saved({"fc.bias": hostile}, archive=archive))
    tracemalloc.start()
    with pytest.raises(UsageError, match=rf"holds more than arrays \(.*{named}"):
        read(file)
    assert tracemalloc.get_traced_memory()[1] < 2**26
    tracemalloc.stop()


def test_a_plain_pickle_in_front_of_an_archive_is_what_torch_reads(file):
    """Python's zipfile looks for an archive at the end of a file, torch at its beginning."""
    file.write_bytes(pickle.dumps({"fc.bias": Call(bytearray, 2**33)}, protocol=2) + saved(WEIGHTS))
    with pytest.raises(UsageError, match="bytearray"):
        read(file)


def test_an_archive_that_is_larger_inside_is_refused(file):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights/data.pkl", b"\x80\x02}.")
        archive.writestr("weights/data/0", bytes(2**24))
    with pytest.raises(DataMissingError, match="claims to hold 16,777,220 bytes"):
        read(file)


@pytest.mark.parametrize("archive", [True, False])
def test_arrays_that_claim_more_than_the_file_holds_are_refused(archive, file):
    """A stride of 0 makes an array of any size out of one value."""
    file.write_bytes(saved({"fc.bias": torch.zeros(1).expand(2**40)}, archive=archive))
    with pytest.raises(DataMissingError, match="its arrays claim 4,398,046,511,104"):
        read(file)
    one = torch.zeros(500)
    file.write_bytes(saved({f"layer{number}.weight": one[:1].expand(500) for number in range(20)}, archive=archive))
    with pytest.raises(DataMissingError, match="up to layer"):
        read(file)
    file.write_bytes(saved({"tied.weight": one, "fc.weight": one}, archive=archive))  # two names for one array
    assert len(read(file).arrays) == 2


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (torch.zeros(2, dtype=torch.complex64), "only plain ones"),
        (torch.zeros(2).to(torch.float8_e4m3fn), "NumPy has no type"),
        (torch.eye(3).to_sparse(), "sparse"),
    ],
    ids=["complex", "float8", "sparse"],
)
def test_arrays_of_other_kinds_are_refused_by_name(values, said, file):
    file.write_bytes(saved({"fc.weight": values}))
    with pytest.raises(UsageError, match=said):
        read(file)


def test_a_program_or_a_list_is_no_state_dict(file):
    with zipfile.ZipFile(file, "w") as archive:  # as torch.jit.save lays it out
        for name, content in (("data.pkl", b"\x80\x02}."), ("code/__torch__.py", b"class Net(Module): ...")):
            archive.writestr(f"net/{name}", content)
    with pytest.raises(UsageError, match=r"TorchScript program; save the network's state_dict\(\)"):
        read(file)
    file.write_bytes(saved([torch.zeros(2)]))
    with pytest.raises(UsageError, match="holds no arrays by name"):
        read(file)


def test_a_tar_archive_is_refused(file):
    """As torch wrote before 0.1.10; its pickles would be read by another way than the one that is checked."""
    with tarfile.open(file, "w") as archive:
        for name in ("sys_info", "storages", "tensors", "pickle"):
            content = pickle.dumps({"fc.bias": Call(bytearray, 2**33)}, protocol=2)
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    with pytest.raises(DataMissingError, match="can't be read"):
        read(file)


@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damaged_files_end_in_one_line(count, file):
    """Random, truncated and mutated files, of both formats; often within the pickle."""
    draw, outcomes = random.Random(0), Counter()
    wholes = [saved({"state_dict": WEIGHTS}, archive=archive) for archive in (True, False)]
    for _ in range(count):
        whole = draw.choice(wholes)
        content = bytearray(whole)
        match draw.randrange(4):
            case 0:
                content = bytearray(draw.randbytes(draw.randrange(300)))
            case 1:
                del content[draw.randrange(len(whole)) :]
            case 2:
                for _ in range(draw.randrange(1, 6)):
                    content[draw.randrange(len(whole))] = draw.randrange(256)
            case 3:
                start = whole.find(b"\x80\x02")
                for _ in range(draw.randrange(1, 4)):
                    content[min(len(whole) - 1, start + draw.randrange(400))] = draw.randrange(256)
        file.write_bytes(content)
        try:
            read(file)
            outcomes["read"] += 1
        except JaxcnnError as error:
            assert "\n" not in str(error) and str(file) in str(error)
            outcomes[type(error)] += 1
    assert outcomes["read"] and outcomes[UsageError] and outcomes[DataMissingError]
