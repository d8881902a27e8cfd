"""Install the platform on a cluster, buy cars, disturb it in every way, and take it away again.

Takes any cluster that KUBECONFIG names and whose nodes have, or can pull, the four images.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path

from tests.cluster.any_user import AnyUser
from tests.cluster.disturbances import Disturbances
from tests.cluster.place import Place, run
from tests.cluster.platform_install import SERVICES, Images, PlatformInstall, copy_charts
from tests.cluster.purchase_load import PurchaseLoad, purchases_policy
from tests.cluster.verdicts import Verdicts, wait_until

PODS_END_SECONDS = 90.0
"""How long the last pods may take to end: their grace period, and a margin."""


def main() -> int:
    """Run every check; return 1 when one failed."""
    arguments = parse_arguments()
    place = Place(
        namespace=arguments.namespace, kubectl_program=arguments.kubectl, helm_program=arguments.helm
    )
    with tempfile.TemporaryDirectory(prefix="autodeal-charts-") as folder:
        verdicts = run_checks(arguments, place, copy_charts(Path(folder), place))
    sys.stdout.write(f"{len(verdicts.failed)} checks failed\n" if verdicts.failed else "every check passed\n")
    return 1 if verdicts.failed else 0


def run_checks(arguments: argparse.Namespace, place: Place, charts: Path) -> Verdicts:
    """Run every check in its order, and delete the namespace unless it is to be kept."""
    images = Images(registry=arguments.registry, tag=arguments.tag)
    platform = PlatformInstall(place=place, images=images, charts=charts)
    load = PurchaseLoad(place=place, images=images, per_second=arguments.rate)
    verdicts = Verdicts()
    try:
        if set_up(verdicts, platform):
            bare = place.objects()
            if install(verdicts, platform, load):
                disturb(verdicts, load, Disturbances(place=place, platform=platform), arguments.only)
                verdicts.check("no pod was refused or restarted", platform.see_nothing_refused)
                verdicts.check("helm uninstall leaves nothing behind", lambda: take_away(platform, bare))
    finally:
        if not arguments.keep:
            run(arguments.kubectl, "delete", "namespace", arguments.namespace, "--ignore-not-found")
    return verdicts


def set_up(verdicts: Verdicts, platform: PlatformInstall) -> bool:
    """Make what the charts find in a cluster; without it nothing else makes sense."""

    def allow_purchases() -> str:
        return platform.place.kubectl("apply", "--filename=-", stdin=purchases_policy()).strip()

    return (
        verdicts.check("a namespace with Pod Security restricted", platform.make_namespace)
        and verdicts.check("a policy for the buying pods", allow_purchases)
        and verdicts.check("the engines run from k8s/dev", platform.start_engines)
    )


def install(verdicts: Verdicts, platform: PlatformInstall, load: PurchaseLoad) -> bool:
    """Install the charts and buy the first cars."""
    for service in SERVICES:
        if not verdicts.check(f"helm install {service}", partial(platform.install, service)):
            return False
    for service in SERVICES:
        verdicts.check(f"helm test {service}", partial(helm_test, platform, service))
    verdicts.check("any user serves, works and migrates", AnyUser(place=platform.place).run_all)
    return verdicts.check("purchases end sold", lambda: load.during("first", lambda: ""))


def helm_test(platform: PlatformInstall, service: str) -> str:
    """Run a release's test pods."""
    platform.place.helm("test", service, "--timeout=120s")
    return ""


def disturb(verdicts: Verdicts, load: PurchaseLoad, disturbances: Disturbances, only: list[str]) -> None:
    """Do to the platform under load what a cluster does to it; `only` names some of it, by the last word."""
    acts = {
        "helm upgrade": disturbances.upgrade_all,
        "helm rollback": disturbances.roll_back_all,
        "a deleted pod": disturbances.delete_a_pod_of_each,
        "a killed worker": disturbances.kill_a_worker_of_each,
        "an eviction": disturbances.evict_all,
        "a rolling restart": disturbances.restart_all,
    }
    for title, act in acts.items():
        name = title.split()[-1]
        if only and name not in only:
            continue
        verdicts.check(f"{title} under load loses no purchase", partial(load.during, name, act))


def take_away(platform: PlatformInstall, bare: set[str]) -> str:
    """Uninstall the releases; the namespace must become as bare as it was before."""
    for service in reversed(SERVICES):
        platform.uninstall(service)

    def left() -> list[str]:
        return sorted(name for name in platform.place.objects() - bare if "purchases" not in name)

    wait_until(lambda: not left(), "an empty namespace", seconds=PODS_END_SECONDS)
    return f"{len(SERVICES)} releases"


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument("--namespace", default="autodeal-cluster-test", help="made by the test and deleted")
    parser.add_argument("--registry", default="", help="what stands before autodeal/vehicle, if anything")
    parser.add_argument("--tag", default="dev", help="the images' tag")
    parser.add_argument("--rate", type=float, default=1.0, help="purchases begun a second")
    parser.add_argument("--only", nargs="*", default=[], help="disturbances: upgrade pod worker eviction …")
    parser.add_argument("--kubectl", default="kubectl")
    parser.add_argument("--helm", default="helm")
    parser.add_argument("--keep", action="store_true", help="leave the namespace as it is at the end")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
