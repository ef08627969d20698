"""Holds messages against slack-sdk and blockkit: one JSON document a line on stdin.

Prints `INDEX VALIDATOR: REASON` for each message that a validator refuses, and at the end how many messages were read.
"""

import json
import logging
import sys

from blockkit import Context, Header, Message, Section, Text
from slack_sdk.models.attachments import Attachment, AttachmentField, BlockAttachment
from slack_sdk.models.blocks import Block
from slack_sdk.models.messages.message import Message as SdkMessage


class Refuse(logging.Handler):
    """Of keys that it does not know slack-sdk only warns."""

    def emit(self, record):
        raise ValueError(record.getMessage())


logging.getLogger("slack_sdk").addHandler(Refuse())
logging.getLogger("slack_sdk").propagate = False


def by_slack_sdk(message):
    attachments = []
    for attachment in message.get("attachments", []):
        rest = dict(attachment)
        if "blocks" in rest:
            rest["blocks"] = Block.parse_all(rest["blocks"])
            attachments.append(BlockAttachment(**rest))
        else:
            rest["fields"] = [AttachmentField(**field) for field in rest["fields"]]
            attachments.append(Attachment(text="", **rest))
    blocks = Block.parse_all(message.get("blocks", []))
    if None in blocks or any(None in getattr(a, "blocks", []) for a in attachments):
        raise ValueError("a block of a type that it does not know")
    known = {"text", "blocks", "attachments"}
    if set(message) - known:
        raise ValueError(f"unknown keys {set(message) - known}")
    SdkMessage(text=message["text"], blocks=blocks, attachments=attachments).to_dict()


def by_blockkit(message):
    # It knows no attachments: their blocks are those of a message, and its limit of fifty holds for all together.
    blocks = list(message.get("blocks", []))
    for attachment in message.get("attachments", []):
        blocks += attachment.get("blocks", [])
    built = Message(message["text"])
    for block in blocks:
        built.add_block(block_of(block))
    built.build()


def block_of(block):
    kind = block["type"]
    if kind == "header":
        return Header(text_of(block["text"]))
    if kind == "section":
        section = Section()
        if "text" in block:
            section.text(text_of(block["text"]))
        for field in block.get("fields", []):
            section.add_field(text_of(field))
        return section
    if kind == "context":
        context = Context()
        for element in block["elements"]:
            context.add_element(text_of(element))
        return context
    raise ValueError(f"a block of type {kind}")


def text_of(text):
    built = Text(text["text"]).type(text["type"])
    if "verbatim" in text:
        built.verbatim(text["verbatim"])
    if "emoji" in text:
        built.emoji(text["emoji"])
    return built


def main():
    count = 0
    for count, line in enumerate(sys.stdin.buffer, start=1):
        message = json.loads(line)
        for name, validate in (("slack-sdk", by_slack_sdk), ("blockkit", by_blockkit)):
            try:
                validate(message)
            except Exception as error:  # noqa: BLE001 - whatever a validator raises is its refusal
                print(f"{count - 1} {name}: {type(error).__name__}: {error}"[:400].replace("\n", " "))
    print(f"{count} messages")


if __name__ == "__main__":
    main()
