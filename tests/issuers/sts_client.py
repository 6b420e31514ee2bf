"""Asks AWS STS with boto3, in the environment that has it: one JSON request a line, one answer a line.

    {"ask": "assume_role", "as": {"AccessKeyId": ..., ...}, "with": {"RoleArn": ..., ...}}

Run by the interpreter of moto's environment; nothing of ours is imported here.
"""

import json
import sys

import boto3
from botocore.exceptions import ClientError


def main(endpoint: str) -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        own = asked["as"]
        client = boto3.client(
            asked.get("service", "sts"),
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id=own["AccessKeyId"],
            aws_secret_access_key=own["SecretAccessKey"],
            aws_session_token=own.get("SessionToken"),
        )
        try:
            answer = getattr(client, asked["ask"])(**asked["with"])
        except ClientError as refused:
            answer = refused.response
        print(json.dumps(answer, default=lambda value: value.isoformat()), flush=True)


main(sys.argv[1])
