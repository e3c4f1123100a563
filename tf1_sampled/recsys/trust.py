"""Check that a SavedModel only computes, before any part of it runs.

    check("runs/recsys-1/saved_model", ["embed_user_ids"])

A SavedModel is a program: its graph may read and write files, open connections and call Python. Loading
runs some ops, each request runs others. This module finds these ops in the file before TensorFlow loads
the graph. Each must be on a list of ops that compute from their inputs only. The ops that restore the
variables may also read the model's own variables.
"""
import os
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Set

import tensorflow.compat.v1 as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from tf1_sampled import checks

# The ops that this project exports, and common ops of other models.
_COMPUTING = frozenset("""
    Abs AccumulateNV2 Acos Add AddN AddV2 All Any ArgMax ArgMin Assert Assign AssignVariableOp Atan
    Atan2 BatchMatMul BatchMatMulV2 BatchMatMulV3 BiasAdd Bincount BroadcastArgs BroadcastTo
    Bucketize Cast Ceil ClipByValue Concat ConcatV2 Const Cos Cumprod Cumsum Div DivNoNan Einsum Elu
    EnsureShape Enter Equal Erf Exit Exp ExpandDims Expm1 Fill Floor FloorDiv FloorMod
    FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 Gather GatherNd GatherV2 Greater GreaterEqual
    GuaranteeConst HashTable HashTableV2 Identity IdentityN If InTopK InTopKV2 InitializeTable
    InitializeTableV2 Inv InvertPermutation Invert IsFinite IsInf IsNan IsVariableInitialized L2Loss
    LRN LeakyRelu Less LessEqual LinSpace Log Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr
    LookupTableFind LookupTableFindV2 LookupTableImport LookupTableImportV2 LookupTableSize
    LookupTableSizeV2 LoopCond MatMul MatrixBandPart MatrixDiag MatrixDiagPart Max Maximum Mean
    Merge Min Minimum Mod Mul MulNoNan MutableHashTable MutableHashTableV2 Neg NextIteration NoOp
    NotEqual OneHot OnesLike Pack Pad PadV2 PartitionedCall Placeholder PlaceholderV2
    PlaceholderWithDefault Pow PreventGradient Prod Range Rank ReadVariableOp RealDiv Reciprocal
    RefEnter RefExit RefIdentity RefMerge RefNextIteration RefSelect RefSwitch Relu Relu6 Reshape
    ResourceGather ResourceGatherNd ReverseSequence ReverseV2 Rint Round Rsqrt ScatterNd
    ScatterUpdate SegmentMax SegmentMean SegmentMin SegmentProd SegmentSum Select SelectV2 Selu
    Shape ShapeN Sigmoid Sign Sin Size Slice Snapshot Softmax Softplus Softsign SparseFillEmptyRows
    SparseReshape SparseSegmentMean SparseSegmentSqrtN SparseSegmentSum SparseTensorDenseMatMul
    SparseToDense Split SplitV Sqrt Square SquaredDifference Squeeze StatefulPartitionedCall
    StatelessIf StatelessWhile StopGradient StridedSlice StringJoin StringLower StringStrip
    StringToHashBucketFast StringToHashBucketStrong StringToNumber StringUpper Sub Sum Switch Tan
    Tanh TensorArrayCloseV3 TensorArrayConcatV3 TensorArrayGatherV3 TensorArrayReadV3
    TensorArrayScatterV3 TensorArraySizeV3 TensorArraySplitV3 TensorArrayV3 TensorArrayWriteV3
    TensorListFromTensor TensorListGetItem TensorListReserve TensorListSetItem TensorListStack
    TensorScatterAdd TensorScatterSub TensorScatterUpdate Tile TopK TopKV2 Transpose TruncateDiv
    TruncateMod Unique UniqueV2 Unpack UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd
    UnsortedSegmentSum VarHandleOp VarIsInitializedOp Variable VariableShape VariableV2 Where While
    Xdivy Xlogy ZerosLike
""".split())

# Names of the init op for TensorFlow's loader: of a signature and of collections.
_INIT_SIGNATURE = "__saved_model_init_op"
_INIT_COLLECTIONS = ("saved_model_main_op", "legacy_init_op")


def check(folder: str, signatures: Sequence[str]) -> None:
    """Raise InputError if a SavedModel runs an op that may do more than compute.

    Args:
      folder: string, the folder with saved_model.pb.
      signatures: names of the signatures to run.

    Raises:
      InputError: with the names of the ops; a file without a SavedModel for serving.
    """
    path = os.path.join(folder, "saved_model.pb")
    found = foreign_ops(_for_serving(path), signatures)
    checks.file(not found, path, "a graph that only computes", "the ops %s; --trust_model loads it, and "
                "lets it read and write files, open connections and run programs" % ", ".join(found))


def foreign_ops(meta_graph: Any, signatures: Sequence[str]) -> List[str]:
    """Return the types of the ops that a model runs and that may do more than compute.

    Args:
      meta_graph: MetaGraphDef of a SavedModel.
      signatures: names, see `check`.

    Returns:
      Sorted list of strings, with RestoreV2 if the model would read files other than its own.
    """
    graph = _Graph(meta_graph.graph_def)
    saver = meta_graph.saver_def
    run = graph.types(graph.needed(_init_ops(meta_graph) + [
        info.name for name in signatures for info in meta_graph.signature_def[name].outputs.values()]))
    restoring = graph.needed([saver.restore_op_name] if saver.restore_op_name else [])
    restores = {name for name in restoring if graph.reads_only(name, saver.filename_tensor_name)}
    return sorted((run | graph.types(restoring - restores)) - _COMPUTING)


def _for_serving(path: str) -> Any:
    """Return the MetaGraphDef for serving in a SavedModel file."""
    model, wanted = saved_model_pb2.SavedModel(), "a SavedModel for serving"
    try:
        with open(path, "rb") as stream:
            model.ParseFromString(stream.read())
    except Exception as e:  # protobuf's DecodeError has no public name in all versions
        raise checks.InputError("%s: wanted %s, got: %s" % (path, wanted, str(e)[:200])) from e
    for meta_graph in model.meta_graphs:
        if set(meta_graph.meta_info_def.tags) == {tf.saved_model.SERVING}:
            return meta_graph
    raise checks.InputError("%s: wanted %s, got none" % (path, wanted))


def _init_ops(meta_graph: meta_graph_pb2.MetaGraphDef) -> List[str]:
    """Return the names of the ops that the loader runs after it restores the variables."""
    names = []
    if _INIT_SIGNATURE in meta_graph.signature_def:
        names += [info.name for info in meta_graph.signature_def[_INIT_SIGNATURE].outputs.values()]
    for key in _INIT_COLLECTIONS:
        if key in meta_graph.collection_def:
            names += meta_graph.collection_def[key].node_list.value
    return names


class _Graph:
    """The nodes of a GraphDef and of its functions.

    Args:
      graph_def: GraphDef.
    """

    def __init__(self, graph_def: Any):
        self._nodes: Dict[str, Any] = {node.name: node for node in graph_def.node}
        self._functions = {one.signature.name: one.node_def for one in graph_def.library.function}

    def needed(self, names: Iterable[str]) -> Set[str]:
        """Return the names of the nodes that run for these tensors or ops."""
        found: Set[str] = set()
        stack = [_node_name(name) for name in names]
        while stack:
            name = stack.pop()
            if name not in found:
                found.add(name)
                stack += map(_node_name, self._nodes[name].input if name in self._nodes else ())
        return found

    def types(self, names: Iterable[str]) -> Set[str]:
        """Return the types of these nodes, and of the nodes in the functions that they call."""
        types: Set[str] = set()
        called: Set[str] = set()
        stack = [self._nodes[name] for name in names if name in self._nodes]
        while stack:
            node = stack.pop()
            if node.op not in self._functions:
                types.add(node.op)
            new = {name for name in _called(node) if name in self._functions} - called
            called |= new
            for name in new:
                stack += self._functions[name]
        return types

    def reads_only(self, name: str, filename: str) -> bool:
        """Return whether a node only restores variables from the file that the loader names."""
        node = self._nodes.get(name)
        if node is None or node.op != "RestoreV2":
            return False
        source: Optional[str] = node.input[0]
        while source is not None and _tensor(source) != _tensor(filename):
            above = self._nodes.get(_node_name(source))
            source = above.input[0] if above is not None and above.op == "Identity" else None
        return source is not None


def _called(node: Any) -> Iterator[str]:
    """Yield the names of the functions that a NodeDef may call."""
    yield node.op
    for value in node.attr.values():
        if value.HasField("func"):
            yield value.func.name
        for function in value.list.func:
            yield function.name


def _node_name(name: str) -> str:
    """Return the name of an input's node: "a" for "^a" and "a:1"."""
    return name.lstrip("^").partition(":")[0]


def _tensor(name: str) -> str:
    return name if ":" in name else name + ":0"

