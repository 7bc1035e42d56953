"""The optimizer of :class:`networks.SmallNetwork` again, dense and slow."""

import numpy as np
from dense import half_gradients, kronecker_matrices, kronecker_statistics, project
from networks import passes


class Reference:
    """Directions by parameter name, with moving averages from step to step; factors and inverses at every step."""

    def __init__(self, damping, decay=0.9, approximation="expand", **projection):
        self.damping, self.decay, self.approximation, self.projection = damping, decay, approximation, projection
        self.averages = {}

    def directions(self, model, *micro_batches):
        """Of one batch (x, labels), whose examples are halved, or of several, which are."""
        found = {}
        sizes = [len(labels) for _, labels in micro_batches]
        self.first = (sizes[0] + 1) // 2 if len(sizes) == 1 else sum(sizes[:(len(sizes) + 1) // 2])
        for name, seen in joined([passes(model, *micro_batch) for micro_batch in micro_batches]).items():
            shapes = {part: tuple(value.shape) for part, value in getattr(model, name).named_parameters()}
            if name == "grouped":
                blocks = [self.kronecker(f"{name}{group}", *pair) for group, pair in enumerate(seen)]
                found[f"{name}.weight"] = self.grouped(blocks).reshape(shapes["weight"])
            elif isinstance(seen, tuple):
                F, M, g1, g2 = self.kronecker(name, *seen)
                d = project(g1.ravel(), g2.ravel(), F, M, **self.projection).reshape(g1.shape)
                weight = d[:, :-1] if "bias" in shapes else d
                found[f"{name}.weight"] = weight.reshape(shapes["weight"])
                if "bias" in shapes:
                    found[f"{name}.bias"] = d[:, -1]
            else:
                d = self.unit_wise(name, seen)
                found[f"{name}.weight"], found[f"{name}.bias"] = d[:, 0], d[:, 1]
        return found

    def averaged(self, name, new):
        old = self.averages.get(name)
        self.averages[name] = new if old is None else self.decay * old + (1 - self.decay) * new
        return self.averages[name]

    def halves(self, per_example):
        return half_gradients(per_example, self.first, self.projection.get("beta"))

    def kronecker(self, name, a, g):
        A, G = kronecker_statistics(a, g, self.approximation)
        F, M = kronecker_matrices(self.averaged(f"{name}.A", A), self.averaged(f"{name}.G", G), self.damping)
        return F, M, *self.halves(np.einsum("nto,nti->noi", g, a))

    def grouped(self, blocks):
        """All groups are one block: their matrices are on the diagonal of one."""
        F, M = (block_diagonal([block[place] for block in blocks]) for place in (0, 1))
        g1, g2 = (np.concatenate([block[place].ravel() for block in blocks]) for place in (2, 3))
        return project(g1, g2, F, M, **self.projection)

    def unit_wise(self, name, gradients):
        F = self.averaged(name, np.einsum("nui,nuj->uij", gradients, gradients) / len(gradients))
        M = F + self.damping * np.eye(2)
        g1, g2 = self.halves(gradients)
        d = project(g1.ravel(), g2.ravel(), block_diagonal(F), block_diagonal(M), **self.projection)
        return d.reshape(-1, 2)


def joined(parts):
    """What several micro-batches brought, one after another."""
    def join(values):
        if isinstance(values[0], (tuple, list)):
            return type(values[0])(join([value[place] for value in values]) for place in range(len(values[0])))
        return np.concatenate(values)

    return {name: join([part[name] for part in parts]) for name in parts[0]}


def block_diagonal(matrices):
    size = sum(len(matrix) for matrix in matrices)
    result = np.zeros((size, size))
    start = 0
    for matrix in matrices:
        result[start:start + len(matrix), start:start + len(matrix)] = matrix
        start += len(matrix)
    return result
