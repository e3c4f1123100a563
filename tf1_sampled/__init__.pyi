"""The public names for type checkers, which cannot see the lazy imports of __init__.py."""
from tf1_sampled.blocks import (
    TopK as TopK,
    top_k as top_k,
)
from tf1_sampled.candidates import (
    SampledValues as SampledValues,
    with_certain as with_certain,
    without_classes as without_classes,
    without_known as without_known,
)
from tf1_sampled.checks import (
    InputError as InputError,
)
from tf1_sampled.distributions import (
    LearnedUnigram as LearnedUnigram,
    LogUniform as LogUniform,
    StreamingFrequency as StreamingFrequency,
    Uniform as Uniform,
    Unigram as Unigram,
    log_frequency_biases as log_frequency_biases,
)
from tf1_sampled.logits import (
    PairLogits as PairLogits,
    SampledLogits as SampledLogits,
    UnitRows as UnitRows,
    accidental_hit_rate as accidental_hit_rate,
    compute_accidental_hits as compute_accidental_hits,
    compute_pair_logits as compute_pair_logits,
    compute_sampled_logits as compute_sampled_logits,
    lookup as lookup,
    whole_table as whole_table,
)
from tf1_sampled.losses import (
    full_sigmoid_loss as full_sigmoid_loss,
    full_softmax_loss as full_softmax_loss,
    gbce_loss as gbce_loss,
    l2_loss_of_rows as l2_loss_of_rows,
    loss_by_name as loss_by_name,
    nce_loss as nce_loss,
    negative_sampling_loss as negative_sampling_loss,
    refined_sampled_softmax_loss as refined_sampled_softmax_loss,
    sampled_softmax_loss as sampled_softmax_loss,
    softmax_at_k_loss as softmax_at_k_loss,
)
from tf1_sampled.optimizers import (
    AdagradOptimizer as AdagradOptimizer,
    ClippedOptimizer as ClippedOptimizer,
    LazyAdamOptimizer as LazyAdamOptimizer,
    RowwiseAdagradOptimizer as RowwiseAdagradOptimizer,
    SGDOptimizer as SGDOptimizer,
    merged as merged,
)
from tf1_sampled.registry import (
    LOSSES as LOSSES,
    OPTIMIZERS as OPTIMIZERS,
    SAMPLERS as SAMPLERS,
)
from tf1_sampled.samplers import (
    all_candidate_sampler as all_candidate_sampler,
    candidate_sampler as candidate_sampler,
    fixed_unigram_candidate_sampler as fixed_unigram_candidate_sampler,
    in_batch_candidate_sampler as in_batch_candidate_sampler,
    learned_unigram_candidate_sampler as learned_unigram_candidate_sampler,
    log_uniform_candidate_sampler as log_uniform_candidate_sampler,
    mixed_candidate_sampler as mixed_candidate_sampler,
    sample_by_name as sample_by_name,
    uniform_candidate_sampler as uniform_candidate_sampler,
)
from tf1_sampled.training.checkpoints import (
    restore as restore,
)
from tf1_sampled.training.steps import (
    minimize as minimize,
)

__version__: str
