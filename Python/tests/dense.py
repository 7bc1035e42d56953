"""Section by section the algorithm on dense matrices, in numpy and float64: shares no code with the product."""

import numpy as np

EPSILON = 1e-12


def kronecker_statistics(a, g, approximation="expand"):
    """A and G from layer inputs (N x T x i, with the bias's 1) and per-example output gradients (N x T x o)."""
    n, t, _ = a.shape
    if approximation == "reduce":
        a, g = a.mean(1), g.sum(1)
        return a.T @ a / n, g.T @ g / n
    a, g = a.reshape(n * t, -1), g.reshape(n * t, -1)
    return a.T @ a / (n * t), g.T @ g / n


def kronecker_matrices(A, G, damping):
    """F and M as dense matrices, for the rows of V one after another."""
    trace_a, trace_g = np.trace(A) / len(A), np.trace(G) / len(G)
    pi = np.sqrt(trace_a / trace_g) if trace_a > 0 and trace_g > 0 else 1.0
    root = np.sqrt(damping)
    damped = np.kron(G + root / pi * np.eye(len(G)), A + pi * root * np.eye(len(A)))
    return np.kron(G, A), damped


def half_gradients(per_example, first, beta="paper"):
    """The mean gradients (N x ...) of the first so many examples, and of the others. K-FAC, beta zero, knows no halves:
    the gradient of the mean loss stands for both."""
    if beta == "zero":
        return per_example.mean(0), per_example.mean(0)
    return per_example[:first].mean(0), per_example[first:].mean(0)


def project(g1, g2, F, M, beta="paper", eta="average", metric="fisher"):
    """d of section 3 for vectors g1, g2 and dense matrices."""
    average, difference = (g1 + g2) / 2, g1 - g2
    square = average @ (F if metric == "fisher" else M) @ average
    s = difference @ (F if metric == "fisher" else M) @ average / (square * (1 + EPSILON))
    perpendicular = difference - s * average
    u, v = np.linalg.solve(M, average), np.linalg.solve(M, perpendicular)
    B, D, E = average @ u, average @ v, perpendicular @ v
    weight = D / (E * (1 + EPSILON)) if beta == "paper" else {"zero": 0.0}.get(beta, beta)
    length = (B + weight * D) / (B + 2 * weight * D + weight**2 * E)
    length = {"average": length, "sum": 2 * length, "off": 1.0}[eta]
    return length * (u + weight * v)
