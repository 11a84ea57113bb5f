"""Computes the three tables of the retail pipeline from its files, without a database and without the pipeline's SQL.

Arguments: folder of one day's files, day. Prints JSON: for each table its columns in order, each with its value as in
an export.
"""

import json
import pathlib
import sys
from decimal import ROUND_HALF_UP, Decimal

import pandas as pd

MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
STARS = ["one", "two", "three", "four", "five"]
WHOLE_NUMBER = r"-?\d+"
MONEY = r"-?\d+\.\d\d"
NO_DATE = ["", "1000-01-01"]


def main(folder: pathlib.Path, day: pd.Timestamp) -> None:
    orders = read(folder / "orders.csv")
    orders["order_date"] = dates(orders.order_date)
    orders = orders[
        whole(orders.order_id)
        & whole(orders.customer_id)
        & whole(orders.product_id)
        & whole(orders.quantity)
        & orders.unit_price.str.fullmatch(MONEY)
        & orders.total_price.str.fullmatch(MONEY)
        & orders.order_date.notna()
    ]
    reviews = read(folder / "reviews.csv")
    reviews = reviews[whole(reviews.review) & whole(reviews.product_id)].astype({"review": int})
    products = read(folder / "dim_products.csv").set_index("product_id").product_name
    calendar = read(folder / "dim_dates.csv")
    calendar.index = dates(calendar.calendar_dt)
    holiday = calendar.day_of_the_week_num.astype(int).lt(6) & calendar.working_day.eq("false")
    shipments = with_delays(read(folder / "shipment_deliveries.csv"), orders)
    tables = {
        "agg_public_holiday": public_holidays(orders, holiday, day),
        "agg_shipments": late_and_undelivered(shipments, day),
        "best_performing_product": best_product(orders, reviews, shipments, products, holiday),
    }
    rows = {name: {"ingestion_date": day, **columns} for name, columns in tables.items()}
    print(json.dumps({name: [[column, text(row[column])] for column in row] for name, row in rows.items()}))


def public_holidays(orders: pd.DataFrame, holiday: pd.Series, day: pd.Timestamp) -> dict:
    year = orders.order_date[(orders.order_date >= day - pd.DateOffset(years=1)) & (orders.order_date < day)]
    months = year[year.isin(holiday.index[holiday])].dt.month.value_counts()
    return {f"tt_order_hol_{name}": months.get(number, 0) for number, name in enumerate(MONTHS, start=1)}


def late_and_undelivered(shipments: pd.DataFrame, day: pd.Timestamp) -> dict:
    waiting = shipments[shipments.delivery_date.isna()]
    never_shipped = waiting[waiting.shipment_date.isna()]
    return {
        "tt_late_shipments": (waiting.days_to_ship >= 6).sum(),
        "tt_undelivered_items": ((day - never_shipped.order_date).dt.days >= 15).sum(),
    }


def best_product(
    orders: pd.DataFrame, reviews: pd.DataFrame, shipments: pd.DataFrame, products: pd.Series, holiday: pd.Series
) -> dict:
    points = reviews.groupby("product_id").review.sum()
    best = min(points[points == points.max()].index, key=int)
    stars = reviews[reviews.product_id == best].review
    days = orders[orders.product_id == best].order_date.value_counts()
    busiest = days[days == days.max()].index.min()
    shipped = shipments[(shipments.product_id == best) & shipments.shipment_date.notna()].days_to_ship
    return {
        "product_id": best,
        "product_name": products.get(best),
        "most_ordered_day": busiest,
        "is_public_holiday": holiday.get(busiest),
        "tt_review_points": points[best],
        **{f"pct_{name}_star": share(stars == number) for number, name in enumerate(STARS, start=1)},
        "pct_early_shipments": share(shipped < 6),
        "pct_late_shipments": share(shipped >= 6),
    }


def with_delays(shipments: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """Returns the shipments of known orders, with the days from order to shipment."""
    refused = pd.Series(False, shipments.index)
    for column in ["shipment_date", "delivery_date"]:
        none = shipments[column].isin(NO_DATE)
        parsed = dates(shipments[column].mask(none))
        refused |= parsed.isna() & ~none
        shipments[column] = parsed
    known = shipments[~refused].merge(orders[["order_id", "product_id", "order_date"]], on="order_id")
    return known.assign(days_to_ship=(known.shipment_date - known.order_date).dt.days)


def read(path: pathlib.Path) -> pd.DataFrame:
    """Reads all fields as text. Skips a line with too many fields; one with too few has missing values."""
    return pd.read_csv(path, dtype=str, keep_default_na=False, on_bad_lines="skip")


def whole(column: pd.Series) -> pd.Series:
    return column.str.fullmatch(WHOLE_NUMBER).fillna(False)


def dates(column: pd.Series) -> pd.Series:
    return pd.to_datetime(column, format="%Y-%m-%d", errors="coerce")


def share(of: pd.Series) -> Decimal:
    return (Decimal(100 * int(of.sum())) / len(of)).quantize(Decimal("0.01"), ROUND_HALF_UP)


def text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%d")
    if pd.api.types.is_bool(value):
        return "ft"[int(value)]
    return str(value)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pd.Timestamp(sys.argv[2]))
