"""`@` in code is an operator, a label or a path: no e-mail address; and addresses beside code stay addresses."""

import pytest

from filters.privacy import pii
from filters.privacy.kinds import Kind

CODE = [
    "y = W@x.to(device) + b",
    "loss = (Q@K.mT).sum()",
    "h = self.weight@x.to(torch.float32)",
    "out = proj@v.to('cuda')",
    "z = a@b.dot(c)",
    "val id = this@MainActivity.id",
    "println(this@Person.name)",
    "this@Foo.run { }",
    "return@launch.it",
    "super@Base.show()",
    "continue@outer.next",
    "self@objc.id",
    "p = model@Layer.name",
    "A@B.id == 3",
    "r = u@v.at[0].set(1)",
    "npm i lodash@4.17.21 react@18.2.0 @scope/pkg@1.0.0-rc.1",
    "go get golang.org/x/tools@v0.1.12",
    "git clone git@forge.company.io:a/b.git",
    "scp file deploy@build.company.io:/srv/www",
    "image: nginx@sha256.io",
    "sqlplus scott/tiger@orcl.world",
    "mysql://root:pw@db.internal.net/x",
    "@Component.class @override.so",
    "let x @ 1..=5",
]


@pytest.mark.parametrize("text", CODE)
@pytest.mark.parametrize(
    "change", [str, lambda text: f"    {text}\n", lambda text: f"前文。`{text}` 后文", lambda text: f"({text});"]
)
def test_code_has_no_addresses(text: str, change: type[str]) -> None:
    assert pii.find(change(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "# Author: {}",
        "  * @author Lee <{}>",
        'EMAIL = "{}"',
        "Signed-off-by: Lee <{}>",
        "写信到{}（工作日）",
        "mail({})",
        "contact {} (office)",
    ],
)
@pytest.mark.parametrize("address", ["lee@software.id", "lee.w@forge.to", "lee@Company.com", "w@x.com", "lee@my.name"])
def test_addresses_beside_code_are_found(text: str, address: str) -> None:
    whole = text.format(address)
    begin = len(whole[: whole.index(address)].encode())
    assert pii.find(whole) == [(Kind.EMAIL, begin, begin + len(address))]
