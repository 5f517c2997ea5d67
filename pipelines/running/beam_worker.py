"""`corpus-beam-worker`: a Python worker for Beam's `--environment_type=PROCESS`, as Spark's and Flink's executors start it.

    corpus-beam-worker --id=… --provision_endpoint=… [--control_endpoint=…] [--logging_endpoint=…]

Asks the provision service for what a worker must know, then runs Beam's SDK worker in this process. Beam's container
image has a `boot` program for this; on a machine without containers this takes its place. Nothing is staged: this
package must be installed on every machine that runs it (docs/runners.md).
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence


def worker_environment(info: object, arguments: argparse.Namespace, *, options_file: str) -> Mapping[str, str]:
    """The variables that Beam's SDK worker reads, from the answer of the provision service."""
    from apache_beam.portability.api import endpoints_pb2
    from google.protobuf import text_format

    def descriptor(told: str, given: str | None) -> str:
        return text_format.MessageToString(endpoints_pb2.ApiServiceDescriptor(url=told or given or ""))

    return {
        "WORKER_ID": arguments.id,
        "PIPELINE_OPTIONS_FILE": options_file,
        "CONTROL_API_SERVICE_DESCRIPTOR": descriptor(info.control_endpoint.url, arguments.control_endpoint),  # type: ignore[attr-defined]
        "LOGGING_API_SERVICE_DESCRIPTOR": descriptor(info.logging_endpoint.url, arguments.logging_endpoint),  # type: ignore[attr-defined]
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),  # type: ignore[attr-defined]
    }


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="corpus-beam-worker", description=__doc__.partition("\n")[0])
    parser.add_argument("--id", required=True)
    parser.add_argument("--provision_endpoint", required=True)
    parser.add_argument("--control_endpoint")
    parser.add_argument("--logging_endpoint")
    arguments, _ = parser.parse_known_args(argv)  # runners give more, as --artifact_endpoint

    import grpc
    from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc
    from apache_beam.runners.worker.worker_id_interceptor import WorkerIdInterceptor
    from google.protobuf import json_format

    channel = grpc.insecure_channel(arguments.provision_endpoint)
    service = beam_provision_api_pb2_grpc.ProvisionServiceStub(
        grpc.intercept_channel(channel, WorkerIdInterceptor(arguments.id))
    )
    info = service.GetProvisionInfo(beam_provision_api_pb2.GetProvisionInfoRequest()).info
    with tempfile.TemporaryDirectory(prefix="corpus-beam-worker-") as folder:
        options_file = os.path.join(folder, "options.json")
        with open(options_file, "w", encoding="utf-8") as sink:
            sink.write(json_format.MessageToJson(info.pipeline_options))
        os.environ.update(worker_environment(info, arguments, options_file=options_file))
        os.environ["SEMI_PERSISTENT_DIRECTORY"] = folder
        from apache_beam.runners.worker import sdk_worker_main  # reads the environment when imported

        sdk_worker_main.main(sys.argv[:1])


if __name__ == "__main__":
    main()
