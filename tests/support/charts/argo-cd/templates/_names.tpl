{{- define "selector" -}}
app.kubernetes.io/name: argocd-{{ . }}
app.kubernetes.io/instance: argocd
{{- end }}
{{- define "labels" -}}
app.kubernetes.io/name: argocd-{{ .name }}
app.kubernetes.io/instance: argocd
app.kubernetes.io/component: {{ .name }}
app.kubernetes.io/part-of: argocd
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}
