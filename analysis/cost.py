"""What a run cost, from the prices of the settings; a price of 0 leaves its part out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.gpus import model_of
from core.settings import Settings
from core.units import HOUR

# (resource, model, account) -> the price of an hour, None: as in the settings; see core.hooks.Hooks.price_of
PriceOf = Callable[[str, str, str], float | None]


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Money in the settings' currency, kg of CO2, km of an electric car; None: no price, or no energy measured."""

    electricity: float | None = None
    cooling: float | None = None
    hardware: float | None = None
    cloud: float | None = None
    co2_kg: float | None = None
    car_km: float | None = None

    @property
    def total(self) -> float | None:
        """Electricity, cooling and hardware together; None if none of them is known."""
        parts = [part for part in (self.electricity, self.cooling, self.hardware) if part is not None]
        return sum(parts) if parts else None


def _settings_only(resource: str, model: str, account: str) -> None:
    return None


def _gpu_hour(gpu_types: Mapping[str, int], gpus: int, settings: Settings, account: str, price_of: PriceOf) -> float:
    """Price of an hour of all GPUs: the hook's for the model, else the model's own, else the general one."""
    general = settings.prices.gpu_hour

    def price(name: str) -> float:
        model = model_of(name, settings.gpus)
        given = price_of("gpu", model.name, account)
        return (model.gpu_hour or general) if given is None else given

    known = sum(count * price(name) for name, count in gpu_types.items())
    more = max(gpus - sum(gpu_types.values()), 0)
    given = price_of("gpu", "", account) if more else None
    return known + more * (general if given is None else given)


def cost(
    *,
    elapsed: float,
    cores: int,
    gpus: int,
    gpu_types: Mapping[str, int],
    kwh: float | None,
    settings: Settings,
    account: str = "",
    price_of: PriceOf = _settings_only,
) -> Cost:
    """The parts of a run's cost: hardware = core-hours × price + GPU-hours × the model's price (a GPU job pays for its cores too).

    `price_of`: prices of this account, before those of the settings.
    """
    prices, hours = settings.prices, elapsed / HOUR
    given = price_of("core", "", account)
    core_hour = prices.core_hour if given is None else given
    hardware = hours * (cores * core_hour + _gpu_hour(gpu_types, gpus, settings, account, price_of))
    cloud_cores = 0 if gpus and prices.cloud_gpu_hour else cores  # a cloud's GPU price has its cores in it
    cloud = hours * (cloud_cores * prices.cloud_core_hour + gpus * prices.cloud_gpu_hour)

    def of_energy(price: float) -> float | None:
        return None if kwh is None or not price else kwh * price

    return Cost(
        electricity=of_energy(prices.electricity_kwh),
        cooling=of_energy(prices.electricity_kwh * prices.cooling_share),
        hardware=hardware or None,
        cloud=cloud or None,
        co2_kg=of_energy(prices.co2_kg_per_kwh),
        car_km=of_energy(prices.car_km_per_kwh),
    )
