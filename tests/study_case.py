"""What tests of a study share: studies with made-up numbers."""
from tf1_sampled.study.records import BUDGETS, Point, Study, Training


def made_up(numbers, vary="num_sampled", scores=("AUC",), seeds=(-1, 0, 1), spread=0.01):
    """A Study whose means are `numbers`, and whose seeds are `spread` apart.

    Args:
      numbers: {value: {measure: mean}}, the same for both budgets.
    """
    trainings = []
    for budget in BUDGETS:
        for value, means in numbers.items():
            for seed in seeds:
                found = dict({"steps": 100.0, "seconds": 2.0, "AUC": 0.6}, **means)
                found = {name: mean + seed * spread * (name not in ("steps", "seconds"))
                         for name, mean in found.items()}
                curve = [Point(share, 2 * share, 9 - share + seed, 8 - share) for share in (0.5, 1.0)]
                trainings.append(Training(value, seed, budget, found, curve))
    return Study("word2vec", vary, list(numbers), trainings, scores)


def losses(sampled, full, **more):
    return dict(more, sampled_loss=sampled, full_softmax_loss=full)
