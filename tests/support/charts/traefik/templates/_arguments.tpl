{{- define "arguments" -}}
- --ping=true
- --log.level={{ .Values.log.level }}
{{- if .Values.accessLog.enabled }}
- --accesslog=true
{{- end }}
- --api.dashboard={{ .Values.api.dashboard }}
{{- if not .Values.global.checkNewVersion }}
- --global.checkNewVersion=false
{{- end }}
{{- if .Values.global.sendAnonymousUsage }}
- --global.sendAnonymousUsage
{{- end }}
{{- range $name, $port := .Values.ports }}
- --entryPoints.{{ $name }}.address=:{{ $port.port }}/tcp
{{- with (($port.http).redirections).entryPoint }}
{{- $to := index $.Values.ports .to | required (printf "%s redirects to an entry point that is not there" $name) }}
- --entryPoints.{{ $name }}.http.redirections.entryPoint.to=:{{ $to.exposedPort }}
{{- with .scheme }}
- --entryPoints.{{ $name }}.http.redirections.entryPoint.scheme={{ . }}
{{- end }}
{{- if hasKey . "permanent" }}
- --entryPoints.{{ $name }}.http.redirections.entryPoint.permanent={{ .permanent }}
{{- end }}
{{- end }}
{{- with ($port.http).tls }}
{{- if .enabled }}
- --entryPoints.{{ $name }}.http.tls=true
{{- with .options }}
- --entryPoints.{{ $name }}.http.tls.options={{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.metrics.prometheus }}
- --metrics.prometheus=true
- --metrics.prometheus.entrypoint={{ .entryPoint }}
{{- range $label := list "addEntryPointsLabels" "addRoutersLabels" "addServicesLabels" }}
{{- if ne (index $.Values.metrics.prometheus $label) nil }}
- --metrics.prometheus.{{ $label }}={{ index $.Values.metrics.prometheus $label }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.providers.kubernetesCRD }}
{{- if .enabled }}
- --providers.kubernetescrd
- --providers.kubernetescrd.allowEmptyServices=true
{{- with .ingressClass }}
- --providers.kubernetescrd.ingressClass={{ . }}
{{- end }}
{{- if .allowCrossNamespace }}
- --providers.kubernetescrd.allowCrossNamespace=true
{{- end }}
{{- with .namespaces }}
- --providers.kubernetescrd.namespaces={{ join "," . }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.providers.kubernetesIngress }}
{{- if .enabled }}
- --providers.kubernetesingress
- --providers.kubernetesingress.allowEmptyServices=true
{{- with .ingressClass }}
- --providers.kubernetesingress.ingressClass={{ . }}
{{- end }}
{{- with .namespaces }}
- --providers.kubernetesingress.namespaces={{ join "," . }}
{{- end }}
{{- if and .publishedService.enabled $.Values.service.enabled }}
- --providers.kubernetesingress.ingressendpoint.publishedservice={{ .publishedService.pathOverride | default (printf "%s/%s" $.Release.Namespace (include "name" $)) }}
{{- end }}
{{- with .ingressEndpoint.hostname }}
- --providers.kubernetesingress.ingressendpoint.hostname={{ . }}
{{- end }}
{{- with .ingressEndpoint.ip }}
- --providers.kubernetesingress.ingressendpoint.ip={{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
