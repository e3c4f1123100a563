"""Names for the types in annotations. TensorFlow is not imported.

TensorFlow has no annotations, so that a type checker takes each of its tensors, variables and optimizers
for `Any`. All else is exact: it finds a wrong keyword, a string for a number, and a None that is not
allowed.

    def mean(values: TensorLike, name: Optional[str] = None) -> Tensor:
"""
from typing import TYPE_CHECKING, Any, List, Optional, Sequence, Tuple, Union

Tensor = Any  # what a function of tf returns: a Tensor, a Variable, an Operation
Optimizer = Any  # tf.train.Optimizer
DType = Any  # tf.DType, or what tf.as_dtype takes

# What a sampler returned, of tf.nn or of this package: candidates, true and sampled expected counts.
SampledLike = Tuple[Tensor, Tensor, Tensor]

if TYPE_CHECKING:
    from typing import Literal, Protocol, TypedDict

    import numpy as np

    Integer = Union[int, np.integer[Any]]
    Number = Union[float, np.integer[Any], np.floating[Any]]
    Unique = Union[bool, np.bool_, Literal["masked"]]
    PartitionStrategy = Literal["mod", "div"]

    class Array(Protocol):
        """A NumPy array, and what TensorFlow has in its place where it has annotations."""

        @property
        def shape(self) -> Any: ...

        @property
        def dtype(self) -> Any: ...

        def __getitem__(self, key: Any) -> Any: ...

    # What tf.convert_to_tensor takes, but for strings and None; of a table also a list of shards.
    TensorLike = Union[Array, Number, List[Any], Tuple[Any, ...]]
    Numbers = Union["np.ndarray[Any, Any]", Sequence[Number]]  # in memory
    Seed = Union[Integer, Array, List[int], Tuple[int, int], None]

    class Frequencies(Protocol):
        """How often each class is a label: see `distributions`."""

        @property
        def num_classes(self) -> Integer: ...

        def log_prob(self, ids: Tensor) -> Tensor: ...

    class Distribution(Frequencies, Protocol):
        """What candidates are drawn from: see `distributions`."""

        @property
        def rises(self) -> bool: ...

        def ids_of(self, uniforms: Tensor) -> Tensor: ...

    class SamplerOptions(TypedDict, total=False):
        """What all samplers take by keyword."""

        seed: Seed
        num_groups: Optional[Integer]
        label_mask: Optional[TensorLike]
        learn: Optional[bool]
else:  # Python 3.7 has neither literals nor protocols
    Integer, Number, Unique, PartitionStrategy = int, float, Union[bool, str], str
    Array = TensorLike = Numbers = Frequencies = Distribution = SamplerOptions = Any
    Seed = Optional[Any]
