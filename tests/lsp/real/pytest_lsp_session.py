"""What pytest-lsp asks of the bridge; run by its own pytest, in its own environment (``test_pytest_lsp.py``).

RBRIDGE_LSP is the command of the server as JSON, RBRIDGE_URI the document, RBRIDGE_TEXT its text, and
RBRIDGE_ONLY_HERE where its definition has to lead.
"""

import json
import os

import pytest_lsp
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

URI = os.environ["RBRIDGE_URI"]
TEXT = os.environ["RBRIDGE_TEXT"]
ONLY = "unique_symbol"


@pytest_lsp.fixture(config=ClientServerConfig(server_command=json.loads(os.environ["RBRIDGE_LSP"])))
async def client(lsp_client: LanguageClient):
    await lsp_client.initialize_session(
        types.InitializeParams(capabilities=client_capabilities("visual-studio-code"))
    )
    item = types.TextDocumentItem(uri=URI, language_id="python", version=1, text=TEXT)
    lsp_client.text_document_did_open(types.DidOpenTextDocumentParams(text_document=item))
    yield
    await lsp_client.shutdown_session()


def place(words: str, after: int = 0) -> types.Position:
    before = TEXT[: TEXT.index(words) + after]
    return types.Position(line=before.count("\n"), character=len(before) - before.rfind("\n") - 1)


async def test_completion(client: LanguageClient):
    document = types.TextDocumentIdentifier(uri=URI)
    position = place("only_here.unique_\n", len("only_here.unique_"))
    found = await client.text_document_completion_async(
        types.CompletionParams(text_document=document, position=position)
    )
    items = found.items if isinstance(found, types.CompletionList) else found
    assert any(one.label.startswith(ONLY) for one in items)


async def test_definition(client: LanguageClient):
    document = types.TextDocumentIdentifier(uri=URI)
    found = await client.text_document_definition_async(
        types.DefinitionParams(text_document=document, position=place(ONLY))
    )
    locations = found if isinstance(found, list) else [found]
    uris = [one.target_uri if isinstance(one, types.LocationLink) else one.uri for one in locations]
    assert uris == [os.environ["RBRIDGE_ONLY_HERE"]]
