"""Settings of run_recsys.py for Gowalla's events, shared by several benchmarks."""
ROWS = dict(
    min_count=1, dim=64, history_length=50, batch_size=2048, num_sampled=800, sampler="uniform",
    learning_rate=0.004, frequency_bias=0, dropout=0, similarity="cosine", k=[20])
# The history is the user's other items; an epoch has at most 20 examples per user.
OTHERS = dict(context="others", class_rows="shared", beta1=0, max_examples_per_user=20)


def arguments(settings):
    """Convert settings to flags: ["--dim=64", ...].

    Args:
      settings: {name: value, or list of values}.
    """
    return ["--%s=%s" % (name, ",".join(map(str, value)) if isinstance(value, list) else value)
            for name, value in settings.items()]
