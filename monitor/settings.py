"""Settings: `haechi.toml` in the home folder; HAECHI_SECTION__NAME in the environment wins."""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from monitor.errors import NotConfigured
from monitor.setting_errors import explain, unknown_variable, unreadable_variable, variable_of

FILE_NAME = "haechi.toml"

# Source: the "valid email address" of the HTML standard; narrower than RFC 5322 on purpose.
MAIL_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,255}")


def _address(value: str) -> str:
    """Check a mail address; strict, because it goes into mail headers."""
    if not MAIL_ADDRESS.fullmatch(value):
        raise ValueError(f"{value!r} is not a mail address such as team@example.org")
    return value


def _private_entry(value: str) -> str:
    """Check an entry of `allow_private`: IP, IP:PORT, [IPV6]:PORT or a network in CIDR form."""
    parse_private(value)
    return value


def _host_name(value: str) -> str:
    """Check a host's name; it stands for those below it, too."""
    if not re.fullmatch(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*", value):
        raise ValueError(f"{value!r} is not a host's name in lower case, such as cdn.example.net")
    return value


MailAddress = Annotated[str, AfterValidator(_address)]
PrivateEntry = Annotated[str, AfterValidator(_private_entry)]
HostName = Annotated[str, AfterValidator(_host_name)]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse_private(entry: str) -> tuple[Network, int | None]:
    """Read an entry of `allow_private`.

    Returns:
        The network, and the one port that is meant or None for any.

    Raises:
        ValueError: It is no IP address or network; names are refused, as they can be re-pointed.
    """
    match = re.fullmatch(r"\[([0-9a-fA-F:.]+)\](?::(\d{1,5}))?|([0-9.]+)(?::(\d{1,5}))", entry)
    if match:
        host, port = match[1] or match[3], match[2] or match[4]
    else:
        host, port = entry, None
    try:
        network = ipaddress.ip_network(host, strict=False)
    except ValueError as error:
        raise ValueError(f"{entry!r} is not an IP address, IP:PORT or network") from error
    number = int(port) if port else None
    if number is not None and not 1 <= number <= 65535:
        raise ValueError(f"{entry!r} is not an IP address, IP:PORT or network: no such port")
    return network, number


class _Section(BaseModel):
    """A section refuses keys it does not know: a typing error must not pass silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class OperatorSettings(_Section):
    """Who runs this Haechi; told to every site in the User-Agent."""

    contact: str = Field(
        default="",
        max_length=200,
        pattern=r"^[\x21-\x7e]*$",
        description="an address in plain ASCII without spaces, such as mailto:you@example.org",
    )


class NetworkSettings(_Section):
    """Limits of every fetch."""

    allow_private: tuple[PrivateEntry, ...] = Field(default=(), examples=["127.0.0.1:8101"])
    delay_s: float = Field(default=1.0, ge=0, le=3600)
    timeout_s: float = Field(default=30.0, gt=0, le=600)
    max_redirects: int = Field(default=5, ge=0, le=20)
    max_page_bytes: int = Field(default=3 << 20, ge=1 << 10, le=1 << 30)
    max_media_bytes: int = Field(default=20 << 20, ge=1 << 10, le=1 << 30)
    max_video_bytes: int = Field(default=64 << 20, ge=1 << 20, le=1 << 34)
    max_pixels: int = Field(default=50_000_000, ge=1_000, le=1_000_000_000)
    obey_robots: bool = True
    verify_tls: bool = True

    @property
    def max_whole_video_bytes(self) -> int:
        """The largest video that is fetched as a whole."""
        return min(self.max_media_bytes, self.max_video_bytes)


class TelegramSettings(_Section):
    """How Telegram is reached, and how much is asked of it."""

    preview_url: str = Field(
        default="https://t.me",
        pattern=r"^https?://[^\s/]+$",
        description="a web address without a path, such as https://t.me",
    )
    # Every program that reads by accounts has its own, from my.telegram.org.
    api_id: int | None = Field(default=None, ge=1, le=2**31 - 1)
    api_hash: SecretStr | None = None
    api_hash_file: Path | None = None
    dc: str = Field(
        default="",
        pattern=r"^(?:[1-9][0-9]{0,4} [0-9a-fA-F.:]+:[0-9]{1,5})?$",
        description='a number, a space, and an IP address with a port: "2 127.0.0.1:10443"',
    )
    dc_public_key: Path | None = None
    # Per account. Sources: Telethon counts some 30 s for 10 pages before Telegram says to wait, and
    # waits 1 s between two; 200 names a day are the most that TDLib's maintainers know of.
    delay_s: float = Field(default=1.0, ge=0, le=3_600)
    flood_wait_s: float = Field(default=60.0, ge=0, le=3_600)
    requests_a_day: int = Field(default=20_000, ge=1)
    names_a_day: int = Field(default=100, ge=0, le=200)
    timeout_s: float = Field(default=60.0, gt=0, le=600)
    since: date | None = None
    sessions: Path = Path("telegram")


class CrawlSettings(_Section):
    """Limits of one crawl."""

    interval_s: int = Field(default=900, ge=1)
    depth: int = Field(default=1_000, ge=1)
    max_pages: int = Field(default=500, ge=1)
    # Of the threads that no list says to have changed: an edit moves none up.
    reread_percent: int = Field(default=5, ge=0, le=100)
    time_limit_s: float = Field(default=1_800.0, gt=0)
    # Measured: a crawl starts with 600 MiB, compiled kernels and local features take 400 more, a
    # picture of `max_pixels` 1,200, and 1,000 enrolled photos with local features 17.
    memory_mb: int = Field(default=2_560, ge=1_152)
    workers: int = Field(default=2, ge=1, le=64)


class BrowserSettings(_Section):
    """The browser that reads pages made by scripts, of sources that were added so."""

    executable: Path | None = None
    sandbox: bool = True
    # Of each of its processes. Measured: it does not start with 512, and a forum's page needs less
    # than 768.
    memory_mb: int = Field(default=1_024, ge=768)
    timeout_s: float = Field(default=60.0, ge=5, le=600)
    scrolls: int = Field(default=20, ge=0, le=1_000)
    pages_per_context: int = Field(default=100, ge=1)
    also_from: tuple[HostName, ...] = Field(default=(), examples=["cdn.example.net"])


class SandboxSettings(_Section):
    """Limits of the processes that open crawled files."""

    # Measured for pictures of `max_pixels`: a JPEG needs less than 512 MiB, all other formats less
    # than 900, and a transparent WebP 1,280. A picture of an iPhone, in HEIC, takes 1-2 seconds.
    memory_mb: int = Field(default=1_536, ge=512)
    seconds: int = Field(default=10, ge=1, le=600)
    # Of a video: what is not looked at within them is left out.
    video_seconds: int = Field(default=120, ge=2, le=3_600)
    items: int = Field(default=1_000, ge=1, le=1_000_000)


class StoreSettings(_Section):
    """Where the state is kept; a relative SQLite path is relative to the home folder."""

    url: str = Field(
        default="sqlite:///haechi.db",
        pattern=r"^sqlite:///.+$",
        description="the address of a SQLite file, such as sqlite:///haechi.db",
    )


class SearchSettings(_Section):
    """Which search index is used."""

    backend: Literal["embedded"] = "embedded"
    path: str = "search.db"


class FeaturesSettings(_Section):
    """Local features: made and kept only for cases whose consent was recorded."""

    key: SecretStr | None = None
    key_file: Path = Path("features.key")


class MatchingSettings(_Section):
    """What finds parts of photos, beside the hashes of whole pictures and panels."""

    windows: bool = True
    local_features: bool = True
    both_up_to: int = Field(default=1_000, ge=0)
    look_back_days: int = Field(default=30, ge=0, le=3_650)


class QuarantineSettings(_Section):
    """When a fingerprint is held back: it suddenly matches much that is unlike."""

    unlike_pictures: int = Field(default=20, ge=1)
    within_hours: float = Field(default=24.0, gt=0, le=8_760)


class MailSettings(_Section):
    """How alerts are mailed. The password comes from the environment or a file, never from here."""

    host: str = "localhost"
    port: int = Field(default=25, ge=1, le=65535)
    sender: MailAddress = Field(default="haechi@localhost", alias="from")
    to: tuple[MailAddress, ...] = Field(default=(), examples=["team@example.org"])
    security: Literal["none", "starttls", "tls"] = "none"
    username: str = ""
    password: SecretStr | None = None
    password_file: Path | None = None
    timeout_s: float = Field(default=20.0, gt=0, le=600)
    max_attempts: int = Field(default=20, ge=1)

    @model_validator(mode="after")
    def _login_is_secured(self) -> Self:
        """Refuse to send a password in clear text over a network."""
        here = self.host in ("localhost", "127.0.0.1", "::1")
        if self.username and self.security == "none" and not here:
            raise ValueError('username needs security = "starttls" or "tls"')
        return self


class Settings(BaseSettings):
    """Everything an operator can set; read once and passed down."""

    model_config = SettingsConfigDict(
        env_prefix="HAECHI_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    operator: OperatorSettings = OperatorSettings()
    network: NetworkSettings = NetworkSettings()
    telegram: TelegramSettings = TelegramSettings()
    crawl: CrawlSettings = CrawlSettings()
    browser: BrowserSettings = BrowserSettings()
    sandbox: SandboxSettings = SandboxSettings()
    store: StoreSettings = StoreSettings()
    search: SearchSettings = SearchSettings()
    features: FeaturesSettings = FeaturesSettings()
    matching: MatchingSettings = MatchingSettings()
    quarantine: QuarantineSettings = QuarantineSettings()
    mail: MailSettings = MailSettings()

    _home: Path = PrivateAttr(default=Path())
    _is_sealed: bool = PrivateAttr(default=False)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, which is passed as keyword arguments."""
        return env_settings, init_settings

    @property
    def home(self) -> Path:
        """The folder that `haechi init` made; absolute."""
        return self._home

    @property
    def is_sealed(self) -> bool:
        """These settings are a file's alone: a trial must not reach the operator's own store."""
        return self._is_sealed

    @property
    def state_folder(self) -> Path:
        """The folder of the store; locks are kept there, as they guard it and not a home."""
        return Path(self.store_url.removeprefix("sqlite:///")).parent

    @property
    def store_url(self) -> str:
        """The store's URL with an absolute path."""
        return f"sqlite:///{self.home / self.store.url.removeprefix('sqlite:///')}"

    @property
    def search_path(self) -> Path:
        """The embedded index's file."""
        return self.home / self.search.path

    @property
    def recipients(self) -> tuple[str, ...]:
        """Who gets alerts: `mail.to`, else the operator's own address where the contact is one."""
        contact = self.operator.contact.removeprefix("mailto:")
        return self.mail.to or ((contact,) if MAIL_ADDRESS.fullmatch(contact) else ())

    def mail_password(self) -> str | None:
        """Read the SMTP password from the environment or its file.

        Raises:
            NotConfigured: The file can't be read.
        """
        return self._secret(self.mail.password, self.mail.password_file, "mail.password_file")

    def api_hash(self) -> str | None:
        """Read the api_hash of my.telegram.org from the environment or its file.

        Raises:
            NotConfigured: The file can't be read.
        """
        given = self.telegram
        return self._secret(given.api_hash, given.api_hash_file, "telegram.api_hash_file")

    def _secret(self, given: SecretStr | None, file: Path | None, key: str) -> str | None:
        """Read a secret that is given, or is in a file.

        Raises:
            NotConfigured: The file can't be read; names the key.
        """
        if given is not None:
            return given.get_secret_value()
        if file is None:
            return None
        path = self.home / file
        try:
            return path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise NotConfigured(f"{key}: can't read {path}: {error.strerror}") from error
        except UnicodeDecodeError:
            # Without its cause, which quotes the file.
            raise NotConfigured(f"{key}: {path} is not text in UTF-8") from None


class _SealedSettings(Settings):
    """Settings that the environment does not reach."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the file alone."""
        return (init_settings,)


def find_home(given: Path | None) -> Path:
    """Tell which home folder is meant: the one given, HAECHI_HOME, or the current folder.

    Returns:
        An absolute path.

    Raises:
        NotConfigured: It depends on the current folder, which was deleted.
    """
    path = given or Path(os.environ.get("HAECHI_HOME") or "")
    try:
        return path.absolute()
    except FileNotFoundError as error:
        raise NotConfigured(
            "the current folder does not exist any more: go to another one, "
            "or name Haechi's folder in full with --home or HAECHI_HOME"
        ) from error


def load(home: Path, *, sealed: bool = False) -> Settings:
    """Read the settings of a home folder.

    Args:
        sealed: Leave the environment out of account.

    Raises:
        NotConfigured: There is no `haechi.toml`, or it is wrong; names the key.
    """
    path = home / FILE_NAME
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotConfigured(
            f"no configuration: {path} does not exist; make one with `haechi init {home}`, "
            "or name the folder with --home or HAECHI_HOME"
        ) from error
    except OSError as error:
        raise NotConfigured(f"can't read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise NotConfigured(f"{path} is not valid TOML: {error}") from error
    return build(home, given, str(path), sealed=sealed)


def build(
    home: Path, given: dict[str, Any], origin: str = "settings", *, sealed: bool = False
) -> Settings:
    """Check settings that were read from a file, and let the environment override them.

    Raises:
        NotConfigured: A key is unknown or its value is out of range; names it.
    """
    for section, name in (("mail", "password"), ("features", "key"), ("telegram", "api_hash")):
        if isinstance(values := given.get(section), dict) and name in values:
            raise NotConfigured(
                f"{origin}: {section}.{name} does not belong in a file that is shared: "
                f"set HAECHI_{section.upper()}__{name.upper()} or {section}.{name}_file"
            )
    if not sealed:
        for check in (unknown_variable, unreadable_variable):
            if fault := check(Settings, os.environ):
                raise NotConfigured(f"environment: {fault}")
    try:
        settings = (_SealedSettings if sealed else Settings)(**given)
    except ValidationError as error:
        key, fault = explain(Settings, error)
        variable = variable_of(".".join(key.split(".")[:2]))
        place = origin if sealed or variable not in os.environ else f"environment: {variable}"
        raise NotConfigured(f"{place}: {key}: {fault}") from error
    settings._home = home.absolute()
    settings._is_sealed = sealed
    return settings
