"""Reading the values of stages while a network is applied, and handing it changed ones."""

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import flax.linen as nn
import jax

from jaxcnn.inspection.network.graph import Stage, is_call_of_layer, numbered

# A layer's call, and what it would have given → what it gives instead.
Rule = Callable[[Any, tuple[Any, ...], jax.Array], jax.Array]


def apply_tapped(
    model: nn.Module,
    variables: Any,
    images: jax.Array,
    stages: Collection[Stage],
    *,
    added: Mapping[tuple[int, int], jax.Array] | None = None,
    rule: Rule | None = None,
) -> tuple[jax.Array, list[jax.Array]]:
    """A network's outputs, and the values of some of its stages.

    Args:
      model: the network.
      variables: {"params", "batch_stats"}.
      images: float32 [batch, size, size, channels], as the network takes them.
      stages: of the same network's `graph_of`; not the outputs, which no layer reads.
      added: what is added to what a layer takes, by (number of the call, place of the argument). With zeros, the
        derivative by it is that by the layer's input.
      rule: changes what layers give, or only their backward pass.
    """
    added, found = added or {}, {}
    wanted = {stage.readers[0] for stage in stages}
    with _intercepted(wanted, found, added, rule):
        outputs = model.apply(variables, images, train=False)
    assert isinstance(outputs, jax.Array)
    return outputs, [found[stage.readers[0]] for stage in stages]


@contextlib.contextmanager
def _intercepted(
    wanted: Collection[tuple[int, int]],
    found: dict[tuple[int, int], jax.Array],
    added: Mapping[tuple[int, int], jax.Array],
    rule: Rule | None,
) -> Iterator[None]:
    next_number = numbered()

    def read(call: Callable, args: Any, kwargs: Any, context: Any) -> Any:
        if not is_call_of_layer(context):
            return call(*args, **kwargs)
        number = next_number()
        args = tuple(
            array + added[number, place] if (number, place) in added else array for place, array in enumerate(args)
        )
        for place, array in enumerate(args):
            if (number, place) in wanted:
                found[number, place] = array
        outputs = call(*args, **kwargs)
        return outputs if rule is None else rule(context.module, args, outputs)

    with nn.intercept_methods(read):
        yield
