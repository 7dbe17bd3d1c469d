{{- /* The variable by which each of `configs.params` reaches its process; one that is not here would be lost, and is an error. */ -}}
{{- define "variables" -}}
server.insecure: ARGOCD_SERVER_INSECURE
server.rootpath: ARGOCD_SERVER_ROOTPATH
server.basehref: ARGOCD_SERVER_BASEHREF
server.log.level: ARGOCD_SERVER_LOG_LEVEL
controller.log.level: ARGOCD_APPLICATION_CONTROLLER_LOGLEVEL
controller.diff.server.side: ARGOCD_APPLICATION_CONTROLLER_SERVER_SIDE_DIFF
controller.sync.timeout.seconds: ARGOCD_APPLICATION_CONTROLLER_SYNC_TIMEOUT
controller.repo.error.grace.period.seconds: ARGOCD_REPO_ERROR_GRACE_PERIOD_SECONDS
controller.self.heal.timeout.seconds: ARGOCD_APPLICATION_CONTROLLER_SELF_HEAL_TIMEOUT_SECONDS
reposerver.log.level: ARGOCD_REPO_SERVER_LOGLEVEL
reposerver.parallelism.limit: ARGOCD_REPO_SERVER_PARALLELISM_LIMIT
applicationsetcontroller.log.level: ARGOCD_APPLICATIONSET_CONTROLLER_LOGLEVEL
applicationsetcontroller.policy: ARGOCD_APPLICATIONSET_CONTROLLER_POLICY
applicationsetcontroller.enable.policy.override: ARGOCD_APPLICATIONSET_CONTROLLER_ENABLE_POLICY_OVERRIDE
applicationsetcontroller.enable.scm.providers: ARGOCD_APPLICATIONSET_CONTROLLER_ENABLE_SCM_PROVIDERS
applicationsetcontroller.enable.tokenref.strict.mode: ARGOCD_APPLICATIONSET_CONTROLLER_TOKENREF_STRICT_MODE
applicationsetcontroller.allowed.scm.providers: ARGOCD_APPLICATIONSET_CONTROLLER_ALLOWED_SCM_PROVIDERS
application.namespaces: ARGOCD_APPLICATION_NAMESPACES
redis.server: REDIS_SERVER
{{- end }}

{{- define "pod" -}}
{{- $values := index .root.Values .part.values }}
metadata:
  labels: {{- include "labels" . | nindent 4 }}
  annotations:
    checksum/cm: {{ toYaml .root.Values.configs.cm | sha256sum }}
    checksum/cmd-params: {{ toYaml .root.Values.configs.params | sha256sum }}
spec:
  serviceAccountName: argocd-{{ .name }}
  nodeSelector: {{- toYaml .root.Values.global.nodeSelector | nindent 4 }}
  containers:
    - name: {{ .name }}
      image: quay.io/argoproj/argocd:{{ .root.Chart.AppVersion }}
      imagePullPolicy: IfNotPresent
      args: {{- prepend .part.args (printf "/usr/local/bin/argocd-%s" .name) | toYaml | nindent 8 }}
      env:
        - {name: REDIS_PASSWORD, valueFrom: {secretKeyRef: {name: argocd-redis, key: auth}}}
        - {name: NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
        - {name: KUBECACHEDIR, value: /tmp/kubecache}
        {{- range $key, $variable := include "variables" . | fromYaml }}
        - {name: {{ $variable }}, valueFrom: {configMapKeyRef: {name: argocd-cmd-params-cm, key: {{ $key }}, optional: true}}}
        {{- end }}
        {{- range $process := list "SERVER" "APPLICATION_CONTROLLER" "APPLICATIONSET_CONTROLLER" }}
        - {name: ARGOCD_{{ $process }}_REPO_SERVER, valueFrom: {configMapKeyRef: {name: argocd-cmd-params-cm, key: repo.server}}}
        {{- end }}
        - {name: ARGOCD_RECONCILIATION_TIMEOUT, valueFrom: {configMapKeyRef: {name: argocd-cm, key: timeout.reconciliation}}}
        - {name: ARGOCD_RECONCILIATION_JITTER, valueFrom: {configMapKeyRef: {name: argocd-cm, key: timeout.reconciliation.jitter}}}
        - {name: ARGOCD_HARD_RECONCILIATION_TIMEOUT, valueFrom: {configMapKeyRef: {name: argocd-cm, key: timeout.hard.reconciliation}}}
      ports:
        {{- range $port, $number := .part.ports }}
        - {name: {{ $port }}, containerPort: {{ $number }}}
        {{- end }}
      {{- with .part.health }}
      readinessProbe: {httpGet: {path: /healthz, port: {{ . }}}, periodSeconds: 2}
      {{- end }}
      resources: {{- toYaml $values.resources | nindent 8 }}
      securityContext: {runAsNonRoot: true, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, seccompProfile: {type: RuntimeDefault}}
      volumeMounts:
        - {name: home, mountPath: /home/argocd}
        - {name: tmp, mountPath: /tmp}
        - {name: ssh, mountPath: /app/config/ssh}
        - {name: tls, mountPath: /app/config/tls}
        - {name: keys, mountPath: /app/config/gpg/source}
        - {name: keyring, mountPath: /app/config/gpg/keys}
  volumes:
    - {name: home, emptyDir: {}}
    - {name: tmp, emptyDir: {}}
    - {name: keyring, emptyDir: {}}
    - {name: ssh, configMap: {name: argocd-ssh-known-hosts-cm}}
    - {name: tls, configMap: {name: argocd-tls-certs-cm}}
    - {name: keys, configMap: {name: argocd-gpg-keys-cm}}
{{- end }}
