"""Placement of a training graph on a cluster: variables on parameter servers, other ops on the worker.

    cut_tables(cluster)                 before the graph is built
    with placed(graph, cluster):
        with tf.Session(server.target, config=session_config(tf.ConfigProto(), cluster)):

Ops that look up or update rows run on the server of the rows, so that only rows are sent. Graphs and
checkpoints are the same with and without a cluster.
"""
import contextlib

import tensorflow.compat.v1 as tf

_MIN_PART_BYTES, _MAX_PART_BYTES = 1 << 16, 1 << 30
_SHARED_OPS = frozenset({"ConditionalAccumulator", "ResourceConditionalAccumulator",
                         "SparseConditionalAccumulator", "FIFOQueueV2"})
_GATHERS = frozenset({"Gather", "GatherV2"})


def cut_tables(cluster):
    """Make new trainable tables of the default graph PartitionedVariables, one part per server.

    A part has at most 1 GiB, which fits in one message of TensorFlow; with several parts, each has at
    least 64 KiB. A table of one part is a PartitionedVariable too, so that `logits.lookup` sends each
    row once. Without a cluster this function does nothing.

    Args:
      cluster: spec.Cluster or None.
    """
    def made(getter, name, shape=None, dtype=tf.float32, trainable=None, **rest):
        if trainable is not False and tf.TensorShape(shape).rank == 2:
            num_rows, width = tf.TensorShape(shape).as_list()
            size = num_rows * width * tf.as_dtype(dtype).size
            number = max(min(len(cluster.ps_hosts), size // _MIN_PART_BYTES),
                         -(-size // _MAX_PART_BYTES), 1)
            rest["partitioner"] = tf.fixed_size_partitioner(min(number, num_rows))
        return getter(name=name, shape=shape, dtype=dtype, trainable=trainable, **rest)

    if cluster:
        tf.get_variable_scope().set_custom_getter(made)


def session_config(config, cluster):
    """Return `config`, changed for a session of this worker that does not need the other workers.

    Args:
      config: tf.ConfigProto.
      cluster: spec.Cluster, of a worker.
    """
    config.device_filters.extend(["/job:ps", cluster.device])
    return config


@contextlib.contextmanager
def placed(graph, cluster, variables=(), at_first=()):
    """Place each op of a graph in the cluster, and restore the earlier devices at the end.

    A variable and its ops (initialization, look-up, update, slots) are on one parameter server.
    Variables are placed in falling order of size, each on the server with the fewest bytes. All other
    ops are on this worker.

    Args:
      graph: tf.Graph, complete. Sessions that use the placement are created within the context.
      cluster: spec.Cluster, of a worker.
      variables: variables of parameter servers beside tf.GraphKeys.GLOBAL_VARIABLES.
      at_first: variables that are always on the first parameter server.
    """
    before = [(op, op.device) for op in graph.get_operations()]
    tasks = _tasks(graph, len(cluster.ps_hosts), graph.get_collection(
        tf.GraphKeys.GLOBAL_VARIABLES) + list(variables), {variable.op.name for variable in at_first})
    for op, device in before:
        if not device.startswith("/job:"):
            task = tasks.get(op.name)
            # Rows are in main memory, which is larger than the memory of a GPU.
            op._set_device(cluster.device + device if task is None
                           else "/job:ps/task:%d/device:CPU:0" % task)
    try:
        yield
    finally:
        for op, device in before:
            op._set_device(device)


def _tasks(graph, num_ps, variables, at_first):
    """Return {name: number of the parameter server} of the ops that are on parameter servers."""
    leader = {}

    def find(name):
        while name in leader:
            name = leader[name]
        return name

    def join(one, other):
        one, other = find(one), find(other)
        if one != other:
            leader[one] = other

    shared = {}
    for variable in variables:
        shared[variable.op.name] = variable.shape.num_elements() * variable.dtype.base_dtype.size
    for op in graph.get_operations():
        for group in op.colocation_groups():
            join(op.name, group.decode()[len("loc:@"):])
        for tensor in op.inputs:
            if tensor.dtype == tf.resource or tensor.dtype._is_ref_dtype:
                join(op.name, tensor.op.name)
        if op.type in _GATHERS and _is_read(op.inputs[0].op, shared):  # rows of a reference variable
            join(op.name, op.inputs[0].op.name)
        if op.type in _SHARED_OPS:
            # An accumulator of SyncReplicasOptimizer is "<variable>:0/grad_accum".
            of = op.get_attr("shared_name").decode().rpartition(":0/")[0]
            if of in shared:
                join(op.name, of)
            else:
                shared.setdefault(op.name, 0)
    sizes = {}
    for name, size in shared.items():
        sizes[find(name)] = sizes.get(find(name), 0) + size
    first = set(map(find, at_first))
    load, task_of = [0] * num_ps, {}
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        task_of[name] = 0 if name in first else load.index(min(load))
        load[task_of[name]] += sizes[name]
    return {op.name: task_of[find(op.name)] for op in graph.get_operations()
            if find(op.name) in task_of}


def _is_read(op, shared):
    return op.type == "Identity" and op.inputs[0].op.name in shared
