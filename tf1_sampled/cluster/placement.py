"""Where the ops of a training graph run on a cluster: variables on servers, all else on the worker.

    cut_tables(cluster)                 before the graph is built
    with placed(graph, cluster):
        with tf.Session(server.target, config=session_config(tf.ConfigProto(), cluster)):

Only rows travel: the ops that look rows up or change them run where the rows are. Without a cluster the
same graph is that of one machine, and its checkpoints are the same.
"""
import contextlib

import tensorflow.compat.v1 as tf

_MIN_PART_BYTES, _MAX_PART_BYTES = 1 << 16, 1 << 30
_SHARED_OPS = frozenset({"ConditionalAccumulator", "ResourceConditionalAccumulator",
                         "SparseConditionalAccumulator", "FIFOQueueV2"})
_GATHERS = frozenset({"Gather", "GatherV2"})


def cut_tables(cluster):
    """Make the trained tables of the default graph, from now on, PartitionedVariables among the servers.

    A part has 64 KiB or more where there are several, and 1 GiB at most, which one message of TensorFlow
    can carry with room to spare. A table of one part is such a variable too, so that `logits.lookup`
    sends each row once. Without a cluster nothing is cut.

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
    """Return `config`, changed for a session of this worker, which works without the other workers.

    Args:
      config: tf.ConfigProto.
      cluster: spec.Cluster, of a worker.
    """
    config.device_filters.extend(["/job:ps", cluster.device])
    return config


@contextlib.contextmanager
def placed(graph, cluster, variables=(), at_first=()):
    """Give each op of a graph its place in the cluster, and afterwards the one that it had before.

    A variable and its ops (initialization, look-up, update, slots) are on one parameter server, the next
    largest always where the fewest bytes are. Everything else is on this worker.

    Args:
      graph: tf.Graph, complete. Sessions that see the places are made within.
      cluster: spec.Cluster, of a worker.
      variables: variables of parameter servers beside tf.GraphKeys.GLOBAL_VARIABLES.
      at_first: variables that are on the first parameter server, whatever else the graph has.
    """
    before = [(op, op.device) for op in graph.get_operations()]
    tasks = _tasks(graph, len(cluster.ps_hosts), graph.get_collection(
        tf.GraphKeys.GLOBAL_VARIABLES) + list(variables), {variable.op.name for variable in at_first})
    for op, device in before:
        if not device.startswith("/job:"):
            task = tasks.get(op.name)
            # Rows are in main memory: a server's GPU would hold less of them.
            op._set_device(cluster.device + device if task is None
                           else "/job:ps/task:%d/device:CPU:0" % task)
    try:
        yield
    finally:
        for op, device in before:
            op._set_device(device)


def _tasks(graph, num_ps, variables, at_first):
    """Return {name of an op: number of its parameter server}, of the ops that are on one."""
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
        if op.type in _GATHERS and _is_read(op.inputs[0].op, shared):  # of a variable of the older kind
            join(op.name, op.inputs[0].op.name)
        if op.type in _SHARED_OPS:
            # SyncReplicasOptimizer's: "<variable>:0/grad_accum", or of no variable.
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
