"""Every crate that what is shipped is built from, as CycloneDX JSON: which version, under which licence, from where, with
the checksum of the lock file, and who brings whom. Read from `cargo metadata` on standard input and Cargo.lock; the
same input gives the same list."""

import json
import sys
import tomllib
import uuid

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

# What reaches an account or a user; the crates of tests are not linked into these.
SHIPPED = sys.argv[2:]


def shipped_ids(metadata):
    """The packages that a shipped binary is built from, and the edges between them."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    edges, waiting = {}, [p["id"] for p in metadata["packages"] if p["source"] is None and p["name"] in SHIPPED]
    while waiting:
        package = waiting.pop()
        if package not in edges:
            kinds = lambda dependency: {kind["kind"] for kind in dependency["dep_kinds"]}
            edges[package] = sorted(d["pkg"] for d in nodes[package]["deps"] if kinds(d) - {"dev"})
            waiting.extend(edges[package])
    return edges


def component(package, checksums):
    name, version = package["name"], package["version"]
    checksum = checksums.get((name, version))
    licence = (package["license"] or "").replace("/", " OR ")
    return Component(
        name=name,
        version=version,
        type=ComponentType.APPLICATION if name in SHIPPED else ComponentType.LIBRARY,
        bom_ref=f"{name}@{version}",
        purl=PackageURL("cargo", name=name, version=version),
        licenses=[LicenseFactory().make_from_string(licence)] if licence else [],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=checksum)] if checksum else [],
        properties=[Property(name="cargo:source", value=package["source"] or "this workspace")],
    )


def main():
    metadata = json.load(sys.stdin)
    with open(sys.argv[1], "rb") as lock_file:
        lock = lock_file.read()
    checksums = {(p["name"], p["version"]): p.get("checksum") for p in tomllib.loads(lock.decode())["package"]}
    edges = shipped_ids(metadata)
    packages = {p["id"]: p for p in metadata["packages"] if p["id"] in edges}
    components = {id: component(package, checksums) for id, package in packages.items()}

    bom = Bom(components=components.values(), serial_number=uuid.uuid5(uuid.NAMESPACE_OID, lock.decode()))
    bom.metadata.component = Component(name="penstock", type=ComponentType.APPLICATION, bom_ref="penstock")
    # The time of writing would make two lists of the same release differ.
    bom.metadata.timestamp = bom.metadata.timestamp.fromtimestamp(0, bom.metadata.timestamp.tzinfo)
    roots = [c for id, c in components.items() if packages[id]["name"] in SHIPPED]
    missing = set(SHIPPED) - {root.name for root in roots}
    if missing:
        sys.exit(f"sbom: no crate is called {', '.join(sorted(missing))}")
    bom.register_dependency(bom.metadata.component, roots)
    for id, needs in edges.items():
        bom.register_dependency(components[id], [components[need] for need in needs])

    text = JsonV1Dot6(bom).output_as_string(indent=2)
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if fault:
        sys.exit(f"sbom: not valid CycloneDX: {fault}")
    print(text)
    print(f"{len(components)} crates, valid CycloneDX 1.6", file=sys.stderr)


main()
