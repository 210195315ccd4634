"""Arithmetic of the layers in forms that XLA compiles to faster programs on CPU.

Each kernel gives what plain `jax.lax` gives, up to rounding; tests compare values, gradients and second derivatives.
A gradient of its own (`custom_vjp`) can be differentiated again in reverse mode; JAX refuses forward mode (`jax.jvp`,
`jax.hessian`) over it. On other platforms the layers use plain `jax.lax`, and response normalisation its product.

What each kernel gains is in docs/performance.md. Each file says when its kernel can go, and
`benchmarks/kernels.py` measures whether it still pays.
"""
