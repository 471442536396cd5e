"""Who may receive a secret: what its delivery and its consumers say. Pure, whatever the policy allows besides."""

from collections.abc import Iterable

from credvault.model import record as model
from credvault.model.errors import Denied, InvalidValue, Unsupported
from credvault.model.record import Record, Secret


def serves(record: Record, consumer: str | None) -> bool:
    """Say whether a secret is for `consumer`: it lists that one, or none."""
    return consumer is None or not record.consumers or consumer in record.consumers


def by_variable(records: Iterable[Record]) -> dict[str, Record]:
    """Return records by the variable that each becomes; raises InvalidValue where two want one."""
    wanted: dict[str, Record] = {}
    for record in records:
        variable = record.env_name or model.derived_env_name(record.name)
        if variable in wanted:
            raise InvalidValue(
                f"{variable} is wanted by two secrets, {wanted[variable].name} and {record.name}",
                hint="choose with -n, --only or -e VAR=NAME",
            )
        wanted[variable] = record
    return wanted


def check_receiver(record: Record, consumer: str | None, *, as_variable: bool) -> None:
    """Raise Denied for a secret that is not for `consumer`, or that is to become a variable and may not."""
    if as_variable and record.delivery != model.RUNTIME_ENV:
        is_uri = "://" in record.namespace
        change = "change its delivery there" if is_uri else f"'credvault edit {record.name} --runtime-env'"
        raise Denied(
            f"{record.name} is {record.delivery}: it never becomes a variable",
            hint=f"hand it over as a file (exec --file VAR=NAME), or {change}",
        )
    if not serves(record, consumer):
        raise Denied(f"{record.name} is not for {consumer}: its consumers are {', '.join(record.consumers)}")


def releasable(secret: Secret) -> Secret:
    """Return a secret; raises Unsupported for one whose delivery this version does not know."""
    if secret.record.delivery not in model.DELIVERIES:
        raise Unsupported(
            f"{secret.record.name} has a delivery that this version does not know, so it is not given out",
            hint="upgrade credvault",
        )
    return secret
