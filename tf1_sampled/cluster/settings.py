"""The settings of a training on many machines."""
import dataclasses
from typing import Optional, Sequence

from tf1_sampled import settings
from tf1_sampled.cluster import spec
from tf1_sampled.settings import setting


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ClusterSettings(settings.Settings):
    """Which machines take part, and which of them this process is; TF_CONFIG can say the same."""

    ps_hosts: Sequence[str] = setting(
        (), "host:port of each parameter server. This process is then one of a cluster. To try one on "
        "this machine: python -m tf1_sampled.cluster.launch --help.", "cluster", may_change=True)
    worker_hosts: Sequence[str] = setting(
        (), "host:port of each worker. The first one is the chief: it alone writes to --model_dir, "
        "evaluates and exports.", "cluster", may_change=True)
    job_name: Optional[str] = setting(None, "The job of this process.", "cluster", choices=spec.JOBS,
                                      may_change=True)
    task_index: Optional[int] = setting(None, "The index of this process in its job, from 0 on.",
                                        "cluster", least=0, may_change=True)
    sync: bool = setting(
        False, "Workers make each step together, on the mean of their gradients. Otherwise each makes "
        "its own steps.", "cluster", may_change=True)

    def cluster(self) -> Optional[spec.Cluster]:
        """Return the cluster of these settings or of TF_CONFIG; None for a training on one machine.

        Raises:
          InputError: as spec.read_cluster.
        """
        return spec.read_cluster(self.ps_hosts, self.worker_hosts, self.job_name, self.task_index,
                                 is_sync=self.sync)
