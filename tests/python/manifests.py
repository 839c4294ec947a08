"""Judges rendered manifests: manifests.py VERSION HELP FILE...

HELP is a folder with what `--help` of the program's commands prints, one file a command: `worker-start`. Prints, as JSON,
what is wrong with each FILE, and which of a few deliberate mistakes in them nobody would notice.
"""

import copy
import functools
import json
import pathlib
import re
import sys

import jsonschema
import kubernetes_validate
import yaml

# cert-manager's types are not in the schemas of Kubernetes: what of them may stand here, as its API reference has it.
KEY = {
    "type": "object", "additionalProperties": False, "required": ["algorithm"],
    "properties": {
        "algorithm": {"enum": ["RSA", "ECDSA", "Ed25519"]}, "size": {"type": "integer"},
        "encoding": {"enum": ["PKCS1", "PKCS8"]}, "rotationPolicy": {"enum": ["Never", "Always"]},
    },
}
USAGES = ["digital signature", "key encipherment", "cert sign", "crl sign", "server auth", "client auth"]
CERTIFICATE = {
    "type": "object", "additionalProperties": False, "required": ["secretName", "issuerRef"],
    "properties": {
        "secretName": {"type": "string"}, "isCA": {"type": "boolean"}, "commonName": {"type": "string", "maxLength": 64},
        "dnsNames": {"type": "array", "items": {"type": "string"}},
        "ipAddresses": {"type": "array", "items": {"type": "string"}},
        "uris": {"type": "array", "items": {"type": "string"}},
        "usages": {"type": "array", "items": {"enum": USAGES}},
        "duration": {"type": "string", "pattern": r"^\d+h$"}, "renewBefore": {"type": "string", "pattern": r"^\d+h$"},
        "privateKey": KEY,
        "issuerRef": {
            "type": "object", "additionalProperties": False, "required": ["name"],
            "properties": {"name": {"type": "string"}, "kind": {"enum": ["Issuer", "ClusterIssuer"]},
                           "group": {"const": "cert-manager.io"}},
        },
    },
}
ISSUER = {
    "type": "object", "additionalProperties": False, "minProperties": 1, "maxProperties": 1,
    "properties": {
        "selfSigned": {"type": "object", "additionalProperties": False},
        "ca": {"type": "object", "additionalProperties": False, "required": ["secretName"],
               "properties": {"secretName": {"type": "string"}}},
    },
}
CERT_MANAGER = {"Certificate": CERTIFICATE, "Issuer": ISSUER}

# How long to leave takes beyond what is in hand, in seconds.
LEAVING = 10


# The oldest that the manifests are for, and the newest that the schemas are there for.
KUBERNETES = ["1.29", "1.37"]


@functools.cache
def broken_schemas(text):
    """What is wrong with an object by the schemas of its kind; strict, so that a misspelt field is."""
    found, broken = json.loads(text), []
    try:
        if found["apiVersion"] == "cert-manager.io/v1":
            jsonschema.validate(found["spec"], CERT_MANAGER[found["kind"]])
        else:
            for version in KUBERNETES:
                kubernetes_validate.validate(found, version, strict=True)
    except (kubernetes_validate.ValidationError, jsonschema.ValidationError) as error:
        broken.append(f"schema: {error.message}")
    return broken


class Judge:
    def __init__(self, objects, version, commands):
        self.objects, self.version, self.commands, self.complaints = objects, version, commands, []

    def judge(self):
        for found in self.objects:
            self.at = f"{found['kind']} {found['metadata']['name']}"
            self.check_schema(found)
            if "namespace" in found["metadata"]:
                self.complain("names a namespace")
            rule = getattr(self, f"check_{found['kind'].lower()}", None)
            if rule:
                rule(found)
        return self.complaints

    def complain(self, sentence):
        self.complaints.append(f"{self.at}: {sentence}")

    def need(self, condition, sentence):
        if not condition:
            self.complain(sentence)

    def of_kind(self, *kinds):
        return [found for found in self.objects if found["kind"] in kinds]

    def find(self, kind, name):
        return next((it for it in self.of_kind(kind) if it["metadata"]["name"] == name), None)

    def workloads(self):
        return self.of_kind("StatefulSet", "Deployment")

    def selected(self, labels):
        """The workloads whose pods have all these labels."""
        pods = [(it, it["spec"]["template"]["metadata"]["labels"]) for it in self.workloads()]
        return [it for it, own in pods if labels and labels.items() <= own.items()]

    def check_schema(self, found):
        for sentence in broken_schemas(json.dumps(found)):
            self.complain(sentence)

    def check_statefulset(self, found):
        self.need(found["spec"]["replicas"] == 1, "there is only ever one coordinator")
        service = self.find("Service", found["spec"]["serviceName"])
        self.need(service and service["spec"].get("clusterIP") == "None", "its serviceName is no headless service")
        claims = {claim["metadata"]["name"] for claim in found["spec"]["volumeClaimTemplates"]}
        self.check_workload(found, claims)

    def check_deployment(self, found):
        self.check_workload(found, set())

    def check_workload(self, found, claims):
        template = found["spec"]["template"]
        pod, labels = template["spec"], template["metadata"]["labels"]
        self.need(found["spec"]["selector"]["matchLabels"].items() <= labels.items(), "does not select its own pods")
        self.need(len(self.selected(found["spec"]["selector"]["matchLabels"])) == 1, "selects pods of others too")
        self.need(pod.get("automountServiceAccountToken") is False, "its pods get a token")
        self.need(pod.get("enableServiceLinks") is False, "services leak into its environment")
        self.need(self.find("ServiceAccount", pod.get("serviceAccountName")), "its service account does not exist")
        security = pod.get("securityContext", {})
        self.need(security.get("runAsNonRoot") is True and security.get("runAsUser", 0) > 0, "may run as root")
        self.need(security.get("seccompProfile") == {"type": "RuntimeDefault"}, "has no seccomp profile")
        for field in ["hostNetwork", "hostPID", "hostIPC"]:
            self.need(not pod.get(field), f"has {field}")
        volumes = {volume["name"] for volume in pod.get("volumes", [])}
        for volume in pod.get("volumes", []):
            self.need("hostPath" not in volume, "mounts a folder of its node")
            if "secret" in volume:
                made = {it["spec"]["secretName"] for it in self.of_kind("Certificate")}
                self.need(volume["secret"]["secretName"] in made, "mounts a secret that nobody makes")
        for spread in pod.get("topologySpreadConstraints", []):
            self.need(spread["labelSelector"]["matchLabels"].items() <= labels.items(), "spreads pods of others")
        for container in pod["containers"]:
            self.check_container(container, pod, volumes | claims)

    def check_container(self, container, pod, volumes):
        tag = container["image"].rpartition(":")[2]
        self.need(tag == self.version, f"the image is {container['image']}, the program {self.version}")
        security = container.get("securityContext", {})
        self.need(security.get("allowPrivilegeEscalation") is False, "may gain privileges")
        self.need(security.get("readOnlyRootFilesystem") is True, "may write to its image")
        self.need(security.get("capabilities") == {"drop": ["ALL"]}, "has capabilities")
        resources = container.get("resources", {})
        for kind in ["requests", "limits"]:
            self.need({"cpu", "memory"} <= resources.get(kind, {}).keys(), f"has no {kind} for cpu and memory")
        for mount in container.get("volumeMounts", []):
            self.need(mount["name"] in volumes, f"mounts {mount['name']}, which is no volume")

        command = "-".join(word for word in container["args"] if not word.startswith("-"))
        flags, variables = self.commands.get(command, (set(), set()))
        self.need(flags, f"swath has no command {command}")
        for word in container["args"]:
            flag = word.partition("=")[0]
            self.need(not word.startswith("-") or flag in flags, f"swath has no {flag}")
        env = {it["name"]: it.get("value") for it in container["env"]}
        for name in env:
            known = name in variables or not name.startswith("SWATH_")
            self.need(known, f"{command} has no setting {name}")
        self.check_security(env)
        self.check_ports(container, env)
        self.check_grace(env, pod)

        for it in container["env"]:
            source = it.get("valueFrom", {}).get("resourceFieldRef")
            if source:
                amount = resources.get(*source["resource"].split(".")[:1], {})
                self.need(source["resource"].split(".")[1] in amount, f"{it['name']} comes from no limit")
                self.need(source["containerName"] == container["name"], f"{it['name']} is of another container")
        if command == "worker-start":
            self.need("SWATH_THREADS" in env, "has as many threads as its node has cores")
            host, _, port = env.get("SWATH_COORDINATOR", "").partition(":")
            service = self.find("Service", host)
            ports = [str(it["port"]) for it in service["spec"]["ports"]] if service else []
            self.need(port in ports, "its coordinator is no service and port")

    def check_security(self, env):
        """Either certificates or the open admission that there are none, and the same for all."""
        is_secure = bool(self.of_kind("Certificate"))
        self.need(("SWATH_ACCESS" in env) == is_secure, "has an access file, or none, unlike the rest")
        if "SWATH_LISTEN" in env:
            self.need((env.get("SWATH_INSECURE") == "true") != is_secure, "is insecure with certificates, or secure without")

    def check_ports(self, container, env):
        ports = {port["containerPort"] for port in container["ports"]}
        listens = {int(env[name].rpartition(":")[2]) for name in ["SWATH_LISTEN", "SWATH_HEALTH_LISTEN"] if name in env}
        self.need(ports == listens, f"declares the ports {sorted(ports)} and listens at {sorted(listens)}")
        health = int(env.get("SWATH_HEALTH_LISTEN", ":0").rpartition(":")[2])
        for name, service in [("livenessProbe", "liveness"), ("readinessProbe", "readiness"), ("startupProbe", "liveness")]:
            probe = container.get(name)
            if name == "startupProbe" and not probe:
                continue
            asked = (probe or {}).get("grpc", {})
            self.need(asked.get("port") == health, f"its {name} asks another port than that for health")
            self.need(asked.get("service") == service, f"its {name} does not ask for {service}")
            self.need((probe or {}).get("timeoutSeconds", 1) > 3, f"its {name} gives up before the process does")

    def check_grace(self, env, pod):
        grace = int(env.get("SWATH_GRACE", "5s").removesuffix("s"))
        self.need(pod["terminationGracePeriodSeconds"] >= grace + LEAVING, "is killed before its grace has passed")

    def check_service(self, found):
        pods = self.selected(found["spec"]["selector"])
        self.need(len(pods) == 1, "does not select the pods of one workload")
        for port in found["spec"]["ports"]:
            names = [it["name"] for pod in pods for it in pod["spec"]["template"]["spec"]["containers"][0]["ports"]]
            self.need(port["targetPort"] in names, f"leads to {port['targetPort']}, which no container names")

    def check_poddisruptionbudget(self, found):
        self.need(len(self.selected(found["spec"]["selector"]["matchLabels"])) == 1, "protects nothing, or too much")
        self.need(found["spec"].get("maxUnavailable") not in [0, "0%"], "keeps nodes from being drained")

    def check_networkpolicy(self, found):
        pods = self.selected(found["spec"]["podSelector"].get("matchLabels", {}))
        self.need(len(pods) == 1, "does not select the pods of one workload")
        self.need(set(found["spec"]["policyTypes"]) == {"Ingress", "Egress"}, "leaves one direction open")
        for rule in found["spec"].get("ingress", []):
            self.need(rule.get("from") and rule.get("ports"), "lets in everybody")
            listened = {it["containerPort"] for pod in pods
                        for it in pod["spec"]["template"]["spec"]["containers"][0]["ports"] if it["name"] != "health"}
            self.need({it["port"] for it in rule.get("ports", [])} <= listened, "opens a port that is not for others")
        for rule in found["spec"].get("egress", []):
            self.need(rule.get("ports"), "lets out everything")
        for rule in found["spec"].get("ingress", []) + found["spec"].get("egress", []):
            for peer in rule.get("from", []) + rule.get("to", []):
                labels = peer.get("podSelector", {}).get("matchLabels", {})
                is_client = labels.get("app.kubernetes.io/component") == "client"
                is_elsewhere = "namespaceSelector" in peer or "ipBlock" in peer
                self.need(is_elsewhere or is_client or self.selected(labels), "names pods that do not exist")

    def check_horizontalpodautoscaler(self, found):
        target = found["spec"]["scaleTargetRef"]
        scaled = self.find(target["kind"], target["name"])
        self.need(scaled, "scales what does not exist")
        self.need(not scaled or "replicas" not in scaled["spec"], "what it scales has a fixed number too")

    def check_certificate(self, found):
        spec = found["spec"]
        issuer = self.find("Issuer", spec["issuerRef"]["name"])
        self.need(issuer, "its issuer does not exist")
        if spec.get("isCA"):
            return
        role = found["metadata"]["name"].removeprefix("swath-")
        self.need(spec.get("uris") == [f"urn:swath:role:{role}"], f"does not give the role {role} alone")
        usage = "server auth" if role == "coordinator" else "client auth"
        self.need(set(spec.get("usages", [])) == {"digital signature", usage}, f"is not for {usage} alone")
        if role == "coordinator":
            services = [it for it in self.of_kind("Service") if it["spec"].get("clusterIP") != "None"]
            inside = [it["metadata"]["name"] for it in services if it["spec"].get("type", "ClusterIP") == "ClusterIP"]
            wanted = {"coordinator.swath", *inside}
            self.need(wanted <= set(spec.get("dnsNames", [])), "lacks the name that Swath looks for, or its service's")

    def check_issuer(self, found):
        secret = found["spec"].get("ca", {}).get("secretName")
        made = {it["spec"]["secretName"] for it in self.of_kind("Certificate") if it["spec"].get("isCA")}
        self.need(secret is None or secret in made, "signs with a key that nobody makes")

    def check_serviceaccount(self, found):
        self.need(found.get("automountServiceAccountToken") is False, "hands out tokens")


def mistakes(objects):
    """Rendered manifests with one mistake each."""

    def broken(kind, name, change):
        copied = copy.deepcopy(objects)
        found = [it for it in copied if it["kind"] == kind and it["metadata"]["name"] == name]
        if found:
            change(found[0])
            yield f"{kind} {name}: {change.__name__}", copied

    def container(found):
        return found["spec"]["template"]["spec"]["containers"][0]

    def setting(found, name):
        return next(it for it in container(found)["env"] if it["name"] == name)

    def probes_another_port(it): container(it)["livenessProbe"]["grpc"]["port"] = 7171
    def probes_another_service(it): container(it)["readinessProbe"]["grpc"]["service"] = "swath"
    def takes_the_latest(it): container(it)["image"] = "swath:latest"
    def runs_as_root(it): it["spec"]["template"]["spec"]["securityContext"]["runAsUser"] = 0
    def writes(it): container(it)["securityContext"]["readOnlyRootFilesystem"] = False
    def keeps_capabilities(it): del container(it)["securityContext"]["capabilities"]
    def has_no_limits(it): del container(it)["resources"]["limits"]
    def is_killed_early(it): it["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 5
    def misspells_a_setting(it): setting(it, "SWATH_HEALTH_LISTEN")["name"] = "SWATH_HEALTH_LISTENER"
    def misspells_a_flag(it): container(it)["args"].append("--treads=2")
    def misspells_a_field(it): container(it)["livenesProbe"] = container(it).pop("livenessProbe")
    def selects_nothing(it): it["spec"]["selector"] = {"app.kubernetes.io/component": "coordinatr"}
    def leads_nowhere(it): it["spec"]["ports"][0]["targetPort"] = "swth"
    def protects_nothing(it): it["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"] = "works"
    def lets_everybody_in(it): it["spec"]["ingress"][0].pop("from")
    def opens_the_health(it): it["spec"]["ingress"][0]["ports"][0]["port"] = 7172
    def scales_nothing(it): it["spec"]["scaleTargetRef"]["name"] = "swath-workers"
    def gives_two_roles(it): it["spec"]["uris"].append("urn:swath:role:admin")
    def has_a_typing_error(it): it["spec"]["issuerReference"] = it["spec"].pop("issuerRef")
    def has_another_name(it): it["spec"]["dnsNames"].remove("coordinator.swath")
    def stays_insecure(it): container(it)["env"] = [e for e in container(it)["env"] if e["name"] != "SWATH_ACCESS"]

    for kind, name in [("StatefulSet", "swath-coordinator"), ("Deployment", "swath-worker")]:
        for change in [probes_another_port, probes_another_service, takes_the_latest, runs_as_root, writes,
                       keeps_capabilities, has_no_limits, is_killed_early, misspells_a_setting, misspells_a_flag,
                       misspells_a_field]:
            yield from broken(kind, name, change)
        if any(it["kind"] == "Certificate" for it in objects):
            yield from broken(kind, name, stays_insecure)
    for change in [selects_nothing, leads_nowhere]:
        yield from broken("Service", "swath-coordinator", change)
    yield from broken("PodDisruptionBudget", "swath-worker", protects_nothing)
    for change in [lets_everybody_in, opens_the_health]:
        yield from broken("NetworkPolicy", "swath-coordinator", change)
    yield from broken("HorizontalPodAutoscaler", "swath-worker", scales_nothing)
    for change in [gives_two_roles, has_a_typing_error]:
        yield from broken("Certificate", "swath-worker", change)
    yield from broken("Certificate", "swath-coordinator", has_another_name)


def commands(folder):
    """The flags and the variables of each command, by its name."""
    found = {}
    for file in pathlib.Path(folder).iterdir():
        text = file.read_text()
        found[file.name] = set(re.findall(r"--[a-z-]+", text)), set(re.findall(r"\[env: (SWATH_[A-Z_]+)=", text))
    return found


def main():
    version, folder, *files = sys.argv[1:]
    known = commands(folder)
    said = {"complaints": {}, "objects": {}, "mistakes": 0, "unnoticed": []}
    for file in files:
        objects = [it for it in yaml.safe_load_all(pathlib.Path(file).read_text()) if it]
        name = pathlib.Path(file).stem
        said["complaints"][name] = Judge(objects, version, known).judge()
        said["objects"][name] = sorted(f"{it['kind']} {it['metadata']['name']}" for it in objects)
        for mistake, spoiled in mistakes(objects):
            said["mistakes"] += 1
            try:
                noticed = set(Judge(spoiled, version, known).judge()) - set(said["complaints"][name])
            except (KeyError, TypeError, AttributeError) as error:
                noticed = {f"cannot even be read: {error!r}"}
            if not noticed:
                said["unnoticed"].append(f"{name}: {mistake}")
    print(json.dumps(said))


if __name__ == "__main__":
    main()
