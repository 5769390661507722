"""A peer: FastAPI with fastapi-users on SQLAlchemy, as its documentation builds it, with a collection of products.

Run: ``python bench/peers/fastapi_users_app.py PORT DATABASE_URL PRODUCTS``; makes and fills its tables when they are
missing. The user is ``bench@example.com`` with the password of ``bench/fill.py``.
"""

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin, schemas
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, JWTStrategy
from fastapi_users.db import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

PASSWORD = "correct horse battery staple 7"
EMAIL = "bench@example.com"
SECRET = "a secret of the benchmark, thirty-two bytes and more"
ROWS_AT_ONCE = 1_000

PORT, DATABASE_URL, PRODUCTS = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])


class Base(DeclarativeBase):
    """Tables of the peer."""


class User(SQLAlchemyBaseUserTableUUID, Base):
    """A user, as the library keeps it."""

    __tablename__ = "peer_users"


class Product(Base):
    """A product, with the fields of ours."""

    __tablename__ = "peer_products"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    price: Mapped[int]
    currency: Mapped[str]
    sku: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str]
    stock: Mapped[int]
    status: Mapped[str]


engine = create_async_engine(DATABASE_URL)
make_session = async_sessionmaker(engine, expire_on_commit=False)


async def open_session() -> AsyncIterator[AsyncSession]:
    """Give each request a session of its own."""
    async with make_session() as session:
        yield session


Session = Annotated[AsyncSession, Depends(open_session)]


async def open_users(session: Session) -> AsyncIterator[Any]:
    """Give the library its store."""
    yield SQLAlchemyUserDatabase(session, User)


class Users(UUIDIDMixin, BaseUserManager[User, uuid.UUID]):
    """The library's manager, with nothing changed."""

    reset_password_token_secret = SECRET
    verification_token_secret = SECRET


async def open_manager(
    users: Annotated[SQLAlchemyUserDatabase[User, uuid.UUID], Depends(open_users)],
) -> AsyncIterator[Users]:
    """Give each request a manager."""
    yield Users(users)


backend = AuthenticationBackend(
    name="jwt",
    transport=BearerTransport(tokenUrl="auth/login"),
    get_strategy=lambda: JWTStrategy(secret=SECRET, lifetime_seconds=3600),
)
library = FastAPIUsers[User, uuid.UUID](open_manager, [backend])
SignedIn = Annotated[User, Depends(library.current_user(active=True))]

app = FastAPI()
app.include_router(library.get_auth_router(backend), prefix="/auth")
app.include_router(
    library.get_users_router(schemas.BaseUser[uuid.UUID], schemas.BaseUserUpdate),
    prefix="/users",
)


@app.get("/products/{product_id}")
async def get_product(product_id: int, _user: SignedIn, session: Session) -> dict[str, Any]:
    """Answer one product."""
    product = await session.get(Product, product_id)
    if product is None:
        raise HTTPException(404)
    return as_json(product)


@app.get("/products")
async def list_products(_user: SignedIn, session: Session, *, total: bool = True) -> dict[str, Any]:
    """Answer ten products, newest first."""
    found = await session.scalars(select(Product).order_by(Product.id.desc()).limit(10))
    page: dict[str, Any] = {"docs": [as_json(product) for product in found]}
    if total:
        page["totalDocs"] = await session.scalar(select(func.count()).select_from(Product))
    return page


def as_json(product: Product) -> dict[str, Any]:
    """Write a product."""
    return {column.name: getattr(product, column.name) for column in Product.__table__.columns}


async def prepare() -> None:
    """Make and fill the tables."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        if not await connection.scalar(select(func.count()).select_from(Product)):
            for first in range(1, PRODUCTS + 1, ROWS_AT_ONCE):
                rows = [make_row(number) for number in range(first, min(first + ROWS_AT_ONCE, PRODUCTS + 1))]
                await connection.execute(insert(Product), rows)
    async with make_session() as session:
        users = SQLAlchemyUserDatabase[Any, uuid.UUID](session, User)
        if await users.get_by_email(EMAIL) is None:
            await Users(users).create(schemas.BaseUserCreate(email=EMAIL, password=PASSWORD))
    await engine.dispose()


def make_row(number: int) -> dict[str, Any]:
    """Make a product."""
    return {
        "id": number,
        "name": f"Product {number}",
        "price": 100 * (number % 900),
        "currency": "KRW",
        "sku": f"SKU-{number:09}",
        "description": f"The product with the number {number}.",
        "stock": number % 120,
        "status": "published",
    }


if __name__ == "__main__":
    asyncio.run(prepare())
    uvicorn.run(app, port=PORT, loop="uvloop", http="httptools", lifespan="off", access_log=False, log_level="warning")
