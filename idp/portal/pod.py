"""What Backstage finds in its pod and may look at, as its config names it and the component makes it."""

CATALOG = "/catalog"
"""Where a pod has the files of the catalog."""
PASSWORD, TOKEN = "POSTGRES_PASSWORD", "GITHUB_TOKEN"
FORGE_TOKEN = "FORGE_TOKEN"  # noqa: S105
CLIENT_ID, CLIENT_SECRET = "AUTH_GITHUB_CLIENT_ID", "AUTH_GITHUB_CLIENT_SECRET"
"""Environment variables with secrets."""
WATCHED = {
    "": ("pods", "services", "limitranges", "resourcequotas"),
    "apps": ("deployments", "replicasets", "statefulsets", "daemonsets"),
    "autoscaling": ("horizontalpodautoscalers",),
    "batch": ("jobs", "cronjobs"),
    "networking.k8s.io": ("ingresses",),
}
"""API group -> kinds of which the portal shows a service's; Secrets and ConfigMaps are not among them."""
