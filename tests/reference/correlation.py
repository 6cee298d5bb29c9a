"""Correlation of the scores and IoUs of positives as slow, obvious float64 NumPy, with its slopes."""

import numpy as np


def deviations(numbers):
    """Numbers less their mean; exactly 0 where all are equal."""
    return numbers - numbers.mean() if np.ptp(numbers) else np.zeros(len(numbers))


def pearson(x, y):
    """Give r, and dr/dx; 0 where it is undefined."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0, np.zeros(len(x))
    dx, dy = deviations(x), deviations(y)
    r = (dx * dy).sum() / np.sqrt((dx**2).sum() * (dy**2).sum())
    return r, dy / np.sqrt((dx**2).sum() * (dy**2).sum()) - r * dx / (dx**2).sum()


def concordance(x, y):
    """Lin, A concordance correlation coefficient to evaluate reproducibility, Biometrics 1989, with all of 1/n."""
    dx, dy, gap = deviations(x), deviations(y), x.mean() - y.mean()
    spread = (dx**2).mean() + (dy**2).mean() + gap**2
    if spread == 0:
        return 0.0, np.zeros(len(x))
    rho = 2 * (dx * dy).mean() / spread
    return rho, 2 * (dy - rho * (dx + gap)) / len(x) / spread


def soft_ranks(x, regularization=1.0):
    """Blondel et al., ICML 2020: the projection of n x / regularization onto the permutahedron; ranks, Jacobian."""
    n = len(x)
    order = np.argsort(-x, kind="stable")
    stretched = n * x[order] / regularization
    u = stretched - np.arange(n, 0, -1)
    # the non-increasing sequence nearest to u, by the formula of its least upper means
    nearest = np.array([min(max(u[j : k + 1].mean() for k in range(i, n)) for j in range(i + 1)) for i in range(n)])
    ranks, jacobian = np.zeros(n), np.zeros((n, n))
    ranks[order] = stretched - nearest
    together = np.abs(nearest[:, None] - nearest) < 1e-9 * n
    jacobian[np.ix_(order, order)] = n / regularization * (np.eye(n) - together / together.sum(1))
    return ranks, jacobian


def spearman(x, y, regularization=1.0):
    """Pearson's coefficient of the soft ranks."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0, np.zeros(len(x))
    (ranks, jacobian), (other, _) = soft_ranks(x, regularization), soft_ranks(y, regularization)
    r, slope = pearson(ranks, other)
    return r, jacobian.T @ slope


def correlation(labels, scores, boxes, *, coefficient="concordance", regularization=1.0):
    """Kahraman et al., AAAI 2023: 1 - rho of probabilities and IoUs of the positives; 0 for fewer than two."""
    positive = labels == 1
    gradient = np.zeros(len(labels))
    value = 0.0
    if positive.sum() > 1:
        p, not_p = (np.exp(-np.logaddexp(0, sign * scores[positive])) for sign in (-1, 1))
        more = {"regularization": regularization} if coefficient == "spearman" else {}
        rho, slope = {"pearson": pearson, "concordance": concordance, "spearman": spearman}[coefficient](
            p, boxes[positive], **more
        )
        value, gradient[positive] = 1 - rho, -slope * p * not_p
    return np.array([value]), gradient[None], np.zeros((1, len(gradient)))
