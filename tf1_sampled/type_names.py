"""Names for the types in annotations. TensorFlow is not imported.

TensorFlow has no annotations, so its tensors, variables and optimizers are `Any` for a type checker. All
other types are exact: a type checker finds a wrong keyword, a string instead of a number, and a None
that is not allowed.

    def mean(values: TensorLike, name: Optional[str] = None) -> Tensor:
"""
from typing import TYPE_CHECKING, Any, List, Optional, Sequence, Tuple, Union

Tensor = Any  # a tf.Tensor, tf.Variable or tf.Operation
Optimizer = Any  # tf.train.Optimizer
DType = Any  # tf.DType, or another argument of tf.as_dtype

# The return value of a sampler of tf.nn or of this package: candidates, true and sampled expected
# counts.
SampledLike = Tuple[Tensor, Tensor, Tensor]

if TYPE_CHECKING:
    from typing import Literal, Protocol, TypedDict

    import numpy as np

    Integer = Union[int, np.integer[Any]]
    Number = Union[float, np.integer[Any], np.floating[Any]]
    Unique = Union[bool, np.bool_, Literal["masked"]]
    PartitionStrategy = Literal["mod", "div"]

    class Array(Protocol):
        """A NumPy array, or a tensor in a TensorFlow with annotations."""

        @property
        def shape(self) -> Any: ...

        @property
        def dtype(self) -> Any: ...

        def __getitem__(self, key: Any) -> Any: ...

    # An argument of tf.convert_to_tensor other than a string or None; for a table also a list of shards.
    TensorLike = Union[Array, Number, List[Any], Tuple[Any, ...]]
    Numbers = Union["np.ndarray[Any, Any]", Sequence[Number]]  # in memory
    Seed = Union[Integer, Array, List[int], Tuple[int, int], None]

    class Frequencies(Protocol):
        """How often each class is a label: see `distributions`."""

        @property
        def num_classes(self) -> Integer: ...

        def log_prob(self, ids: Tensor) -> Tensor: ...

    class Distribution(Frequencies, Protocol):
        """A distribution of candidates: see `distributions`."""

        @property
        def rises(self) -> bool: ...

        def ids_of(self, uniforms: Tensor) -> Tensor: ...

    class SamplerOptions(TypedDict, total=False):
        """The keywords that all samplers take."""

        seed: Seed
        num_groups: Optional[Integer]
        label_mask: Optional[TensorLike]
        learn: Optional[bool]
else:  # Python 3.7 has neither literals nor protocols
    Integer, Number, Unique, PartitionStrategy = int, float, Union[bool, str], str
    Array = TensorLike = Numbers = Frequencies = Distribution = SamplerOptions = Any
    Seed = Optional[Any]
