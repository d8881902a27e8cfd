"""The bodies of the routes about people. None has a repr that could bring personal data to a log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from autodeal_gateway.app.log_in import Tokens
from autodeal_gateway.app.register_person import RegisteredPerson
from autodeal_gateway.domain.address import Address
from autodeal_gateway.domain.profile import Profile
from autodeal_gateway.domain.registration import RegistrationForm
from autodeal_platform.json_codec import RequestBody, ResponseBody

Text = Annotated[str, msgspec.Meta(max_length=2048)]
"""Any text of the size that a form holds; the rules of each field are told by the domain."""


def described(description: str, example: str) -> msgspec.Meta:
    """Return what the API document says of a field."""
    return msgspec.Meta(description=description, examples=[example])


class AddressBody(RequestBody, frozen=True, kw_only=True):
    """A Brazilian postal address."""

    street: Annotated[Text, described("At most 120 characters.", "Avenida Paulista")]
    number: Annotated[Text, described("Text, since `s/n` is a number too.", "1578")]
    complement: Annotated[Text, described("At most 80 characters.", "ap. 12")] | None = None
    neighborhood: Annotated[Text, described("At most 80 characters.", "Bela Vista")]
    city: Annotated[Text, described("At most 80 characters.", "São Paulo")]
    state: Annotated[Text, described("The two-letter code of a state.", "SP")]
    zip_code: Annotated[Text, described("The CEP, with or without its dash.", "01310-200")]

    def __repr__(self) -> str:
        return "AddressBody(…)"


class RegisterBody(RequestBody, frozen=True, kw_only=True):
    """A person who wants to buy."""

    email: Annotated[Text, described("Also the name to log in with.", "ana.souza@example.com")]
    password: Annotated[
        Text,
        described("From 8 characters; lower and upper case, a digit and a symbol.", "Str0ng-enough!"),
    ]
    first_name: Annotated[Text, described("At most 80 characters.", "Ana")]
    last_name: Annotated[Text, described("At most 80 characters.", "Souza")]
    cpf: Annotated[Text, described("With or without its dots; the check digits count.", "529.982.247-25")]
    address: AddressBody
    accepted_terms: Annotated[bool, msgspec.Meta(description="Must be true.")]

    def __repr__(self) -> str:
        return "RegisterBody(…)"

    def to_form(self) -> RegistrationForm:
        """Return what was typed, in the domain's words."""
        address = {name: getattr(self.address, name) for name in self.address.__struct_fields__}
        return RegistrationForm(
            email=self.email,
            password=self.password,
            first_name=self.first_name,
            last_name=self.last_name,
            cpf=self.cpf,
            address=Address(**address),
            accepted_terms=self.accepted_terms,
        )


class LoginBody(RequestBody, frozen=True, kw_only=True):
    """Who somebody says they are, and the proof."""

    email: Annotated[Text, described("As registered.", "ana.souza@example.com")]
    password: Annotated[Text, described("As registered.", "Str0ng-enough!")]

    def __repr__(self) -> str:
        return "LoginBody(…)"


class TokensBody(ResponseBody, frozen=True, kw_only=True):
    """Tokens; send the access token as `Authorization: Bearer …`."""

    access_token: str
    id_token: str
    refresh_token: str | None
    token_type: str
    expires_in: Annotated[int, msgspec.Meta(description="Seconds until the tokens expire.")]

    def __repr__(self) -> str:
        return "TokensBody(…)"

    @classmethod
    def of(cls, tokens: Tokens) -> TokensBody:
        """Write tokens."""
        return cls(
            access_token=tokens.access_token,
            id_token=tokens.id_token,
            refresh_token=tokens.refresh_token,
            token_type=tokens.token_type,
            expires_in=tokens.expires_in,
        )


class ShownAddress(ResponseBody, frozen=True, kw_only=True):
    """A Brazilian postal address."""

    street: str
    number: str
    complement: str | None
    neighborhood: str
    city: str
    state: str
    zip_code: Annotated[str, msgspec.Meta(description="The CEP, eight digits.")]

    def __repr__(self) -> str:
        return "ShownAddress(…)"

    @classmethod
    def of(cls, address: Address) -> ShownAddress:
        """Write an address."""
        return cls(**{name: getattr(address, name) for name in cls.__struct_fields__})


class ProfileBody(ResponseBody, frozen=True, kw_only=True):
    """What is kept about a person, as they may see it themselves."""

    id: Annotated[str, msgspec.Meta(description="The subject of the person's tokens.")]
    email: str
    first_name: str | None
    last_name: str | None
    cpf: Annotated[str, described("Masked.", "***.982.247-**")] | None
    address: ShownAddress | None
    terms_accepted_at: datetime | None

    def __repr__(self) -> str:
        return f"ProfileBody(id={self.id!r}, …)"

    @classmethod
    def of(cls, profile: Profile) -> ProfileBody:
        """Write a profile."""
        return cls(
            id=profile.subject,
            email=profile.email,
            first_name=profile.first_name,
            last_name=profile.last_name,
            cpf=profile.cpf.masked if profile.cpf else None,
            address=ShownAddress.of(profile.address) if profile.address else None,
            terms_accepted_at=profile.terms_accepted_at,
        )

    @classmethod
    def of_registered(cls, person: RegisteredPerson) -> ProfileBody:
        """Write a person who was just registered."""
        registration = person.registration
        return cls(
            id=person.subject,
            email=registration.email,
            first_name=registration.first_name,
            last_name=registration.last_name,
            cpf=registration.cpf.masked,
            address=ShownAddress.of(registration.address),
            terms_accepted_at=registration.terms_accepted_at,
        )
