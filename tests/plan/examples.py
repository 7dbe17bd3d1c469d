"""Stacks of every kind, as text: what holds for the platform holds for each of them."""

BASE = """config:
  idp:organization: acme
  idp:teams:
    mobility: {github: mobility, quota: {cpu: 4, memory: 8Gi, pods: 50}}
    payments: {github: pay-team}
  idp:services:
    rental: {team: mobility, template: node, description: Rents vehicles, calls: [billing]}
    billing: {team: payments, template: node, description: "Bills: 100 %"}
"""

EXAMPLES = {
    "kind, public": BASE + "  idp:visibility: public\n  idp:cluster: {mode: kind, name: acme-dev}\n  idp:local: true\n",
    "kind, one worker": BASE + "  idp:cluster: {mode: kind, name: acme-dev, workers: 1}\n",
    "private, free plan": BASE + "  idp:cluster: {mode: kind, name: acme-dev}\n",
    "private, paid plan": BASE + "  idp:githubPlan: paid\n  idp:cluster: {mode: kind, name: acme-dev}\n",
    "existing cluster": BASE + "  idp:cluster: {mode: existing, kubeconfig: ~/.kube/config, context: prod}\n",
    "a guest of somebody's Argo CD": BASE
    + "  idp:components: {argocd: existing}\n"
    + "  idp:cluster: {mode: existing, kubeconfig: ~/.kube/config, context: prod}\n",
    "reference, part of the environments": BASE
    + "  idp:github: reference\n  idp:environments: [dev, staging, prod]\n  idp:deploys: [staging, prod]\n"
    + "  idp:cluster: {mode: existing, kubeconfig: ~/.kube/config, context: prod}\n",
    "three environments": BASE
    + "  idp:environments: [dev, staging, prod]\n  idp:cluster: {mode: kind, name: acme-dev}\n",
    "a retired service": BASE
    + "    old: {team: payments, template: node, description: Was, state: retired}\n"
    + "  idp:cluster: {mode: kind, name: acme-dev}\n",
    "addresses of the outside": BASE.replace("calls: [billing]", 'calls: ["https://a.example", "http://b.example:81"]')
    + "  idp:cluster: {mode: kind, name: acme-dev}\n",
    "parts that are there already": BASE
    + "  idp:cluster: {mode: existing, kubeconfig: ~/.kube/config, context: prod}\n"
    + "  idp:ingress: {mode: existing, class: nginx, controller: {namespace: edge, labels: {app: nginx}}}\n"
    + "  idp:components: {observability: existing}\n"
    + "  idp:telemetry: {prometheus: {namespace: monitoring, labels: {app: prometheus}}}\n",
    "a portal of our own": BASE
    + "  idp:repository: acme/idp\n  idp:portal: {image: 'ghcr.io/acme/idp-portal@sha256:"
    + "0" * 64
    + "'}\n"
    + "  idp:cluster: {mode: kind, name: acme-dev}\n",
    "a portal with a database of somebody's": BASE
    + "  idp:repository: acme/idp\n  idp:portal:\n    image: 'ghcr.io/acme/idp-portal@sha256:"
    + "0" * 64
    + "'\n"
    + "    database: {mode: external, host: db.acme.example}\n"
    + "  idp:cluster: {mode: existing, kubeconfig: ~/.kube/config, context: prod}\n",
    "no portal": BASE
    + "  idp:components: {portal: off}\n  idp:local: true\n  idp:cluster: {mode: kind, name: acme-dev}\n",
    "a forge of its own": BASE
    + "    old: {team: payments, template: node, description: Was, state: retired}\n"
    + "    brought: {team: payments, adopted: true, description: Was there}\n"
    + "  idp:github: local\n  idp:cluster: {mode: kind, name: acme-dev}\n",
    "a forge, and nobody in it": "config:\n  idp:organization: acme\n  idp:github: local\n"
    "  idp:cluster: {mode: kind, name: acme-dev}\n",
    "no services": "config:\n  idp:organization: acme\n  idp:cluster: {mode: kind, name: acme-dev}\n",
}
"""Name -> text of Pulumi.<stack>.yaml."""
