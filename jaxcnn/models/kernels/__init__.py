"""How the layers' arithmetic is written where XLA's own form is slow: on CPU, each by what a whole step gained.

Each form gives what plain `jax.lax` gives, up to rounding; tests compare values, gradients and second derivatives.
A gradient of its own (`custom_vjp`) can be differentiated again in reverse mode; forward mode (`jax.jvp`,
`jax.hessian`) over one of them is refused by JAX with its own error. Everywhere but on CPU plain `jax.lax` is used, and
response normalisation's product.
"""
