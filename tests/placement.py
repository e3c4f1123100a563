"""Find the ops of a graph that a GPU cannot run, by TensorFlow's kernel registry. No GPU is needed.

    without_gpu_kernel(train_op)                  ["MatMul(T=int32) at MatMul", ...]
    without_gpu_kernel(is_exempt=is_on_host)      all ops of the default graph, except those on the CPU

The registry lists the devices and the types of attributes for which an op has kernels. A TensorFlow that
is built for CPUs only has no GPU kernels: see `has_gpu_kernels`.
"""
import functools
import os
from unittest import mock

import tensorflow.compat.v1 as tf
from tensorflow.core.framework import types_pb2
from tensorflow.python.framework import kernels, op_def_registry


def has_gpu_kernels():
    """Return whether this TensorFlow is built for GPUs, with or without a GPU."""
    return bool(_gpu_kernels("MatMul"))


def without_gpu_kernel(op=None, is_exempt=None):
    """Return the ops without a GPU kernel, as sorted text: "MatMul(T=int32) at MatMul".

    The search follows inputs, control inputs and called functions. Of ops with the same types it names
    one.

    Args:
      op: tf.Operation, checked with all its dependencies; None for all ops of the default graph.
      is_exempt: function of a NodeDef and the list of NodeDefs that use it, True to ignore it.
        Default: `is_message_on_host`.

    Returns:
      List of strings.
    """
    is_exempt = is_exempt or is_message_on_host
    definition = (op.graph if op else tf.get_default_graph()).as_graph_def()
    library = {function.signature.name: function for function in definition.library.function}
    nodes = {node.name: node for node in definition.node}
    bodies = [("", _reachable(nodes, op.name) if op else nodes)]
    entered, found = set(), {}
    while bodies:
        where, nodes = bodies.pop()
        users = {name: [] for name in nodes}
        for node in nodes.values():
            for name in _inputs(node):
                users.get(name, []).append(node)  # arguments of a function are not nodes
            for function in _functions(node):
                if function not in entered:
                    entered.add(function)
                    bodies.append((function + "/", {n.name: n for n in library[function].node_def}))
        for node in nodes.values():
            if not _runs_on_gpu(node) and not is_exempt(node, users[node.name]):
                found.setdefault(_text(node), where + node.name)
    return sorted("%s at %s" % pair for pair in found.items())


def is_on_host(node, users):
    """Return whether a NodeDef is placed on the CPU explicitly."""
    del users
    return "CPU" in node.device.upper()


def is_message_on_host(node, users):
    """Return whether a NodeDef is the message of an assertion, placed on the host.

    Assert itself has a kernel for every device, which reads host memory, but a constant of dtype string
    has one for CPUs only.
    """
    return (node.op == "Const" and node.attr["dtype"].type == types_pb2.DT_STRING
            and is_on_host(node, users) and bool(users) and all(user.op == "Assert" for user in users))


def behave_as(case, version):
    """Switch control flow and variables to those of TensorFlow 1 or 2, until the test case ends.

    Args:
      case: unittest.TestCase.
      version: 1 or 2.
    """
    for is_enabled, enable, disable in (
            (tf.control_flow_v2_enabled, tf.enable_control_flow_v2, tf.disable_control_flow_v2),
            (tf.resource_variables_enabled, tf.enable_resource_variables,
             tf.disable_resource_variables)):
        case.addCleanup(enable if is_enabled() else disable)
        (enable if version == 2 else disable)()


def compile_quickly(case):
    """Switch the CPU backend of XLA to code that is slower and takes a third of the time to compile.

    The input of XLA does not change. XLA reads its flags once, at the first compilation in a process. An
    unknown flag ends the process, so this function changes only the TensorFlow of CI.

    Args:
      case: a class of unittest.TestCase, in `setUpClass`; its subprocesses do not have the flags.
    """
    if tf.VERSION.startswith("2.21."):
        flags = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
        patch = mock.patch.dict(os.environ, XLA_FLAGS=flags)
        patch.start()
        case.addClassCleanup(patch.stop)


@functools.lru_cache(maxsize=None)
def _gpu_kernels(op):
    """Return {attribute: allowed values} of each GPU kernel of an op."""
    return [{c.name: set(_values(c.allowed_values)) for c in kernel.constraint}
            for kernel in kernels.get_registered_kernels_for_op(op).kernel
            if kernel.device_type in ("GPU", "DEFAULT")]


@functools.lru_cache(maxsize=None)
def _defaults(op):
    """Return {attribute: values} of the types and strings in the definition of an op."""
    return {attr.name: _values(attr.default_value) for attr in _definition(op).attr
            if attr.type in ("type", "list(type)", "string")}


def _definition(op):
    """Return the OpDef of this name."""
    if hasattr(op_def_registry, "get"):
        return op_def_registry.get(op)
    return op_def_registry.get_registered_ops()[op]  # TensorFlow 1.15


def _values(value):
    """Return the types or strings in an AttrValue, a single value or a list."""
    kind = value.WhichOneof("value")
    if kind == "list":
        return tuple(value.list.type) or tuple(value.list.s)
    return (getattr(value, kind),) if kind in ("type", "s") else ()


def _attributes(node):
    found = dict(_defaults(node.op))
    found.update((name, _values(node.attr[name])) for name in found if name in node.attr)
    return found


def _runs_on_gpu(node):
    attributes = _attributes(node)
    return any(all(allowed.issuperset(attributes[name]) for name, allowed in kernel.items())
               for kernel in _gpu_kernels(node.op))


def _text(node):
    """Return the op of a NodeDef with its types: "TopKV2(T=int64)"."""
    types = ((name, [tf.as_dtype(value).name for value in values])
             for name, values in sorted(_attributes(node).items())
             if all(isinstance(value, int) for value in values))
    return "%s(%s)" % (node.op, ", ".join("%s=%s" % (name, "/".join(names)) for name, names in types))


def _inputs(node):
    """Return the names of the nodes that are inputs or control inputs of a NodeDef."""
    # "name", "name:1", "^name", and in functions "name:output:0"
    return [name.lstrip("^").split(":")[0] for name in node.input]


def _reachable(nodes, fetch):
    """Return the NodeDefs of a dict {name: NodeDef} that must run for `fetch`."""
    found, waiting = {}, [fetch]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = nodes[name]
            waiting += _inputs(nodes[name])
    return found


def _functions(node):
    """Return the names of the functions that a NodeDef calls: branches, bodies of loops."""
    return [function.name for value in node.attr.values()
            for function in list(value.list.func) + [value.func] if function.name]
