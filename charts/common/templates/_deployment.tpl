{{/* Takes a part with values (of the component), command, port (its name) and number. */}}
{{- define "autodeal.deployment" -}}
{{- $files := append (keys .root.Values.secrets.keys | sortAlpha) .root.Values.identity.credentialsKey | compact -}}
{{- $part := merge (dict "files" $files "suffix" "secrets" "liveSync" .root.Values.liveSync.enabled) . -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "autodeal.component" . }}
  labels:
    {{- include "autodeal.labels" . | nindent 4 }}
spec:
  {{- if not .scaled }}
  replicas: {{ .values.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  progressDeadlineSeconds: 300
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxUnavailable: 0
      maxSurge: 1
  selector:
    matchLabels:
      {{- include "autodeal.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "autodeal.podLabels" . | nindent 8 }}
      annotations:
        checksum/settings: {{ include "autodeal.settings" .root | sha256sum }}
    spec:
      serviceAccountName: {{ .root.Release.Name }}
      terminationGracePeriodSeconds: {{ include "autodeal.gracePeriodSeconds" .root }}
      {{- if .root.Values.spread.enabled }}
      topologySpreadConstraints:
        {{- include "autodeal.spread" . | nindent 8 }}
      {{- end }}
      {{- include "autodeal.podBasics" $part | nindent 6 }}
      {{- if $part.liveSync }}
      initContainers:
        {{- include "autodeal.appCopy" $part | nindent 8 }}
      {{- end }}
      containers:
        - name: {{ .component }}
          args: [{{ .command }}]
          ports:
            - name: {{ .port }}
              containerPort: {{ .number }}
          envFrom:
            - configMapRef:
                name: {{ .root.Release.Name }}-settings
          env:
            {{- include "autodeal.listen" .number | nindent 12 }}
            {{- include "autodeal.secretFiles" $part | nindent 12 }}
          {{- include "autodeal.probes" .port | nindent 10 }}
          resources:
            {{- toYaml .values.resources | nindent 12 }}
          {{- include "autodeal.containerBasics" $part | nindent 10 }}
{{- end }}

{{/* Takes a port's name. Readiness asks the engines, within two seconds; liveness asks only the process. */}}
{{- define "autodeal.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: {{ . }}}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 60
readinessProbe:
  httpGet: {path: /readyz, port: {{ . }}}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
livenessProbe:
  httpGet: {path: /healthz, port: {{ . }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
{{- end }}

{{- define "autodeal.http" -}}
{{- $scaled := .Values.http.autoscaling.enabled -}}
{{ include "autodeal.deployment" (dict "root" . "component" "http" "values" .Values.http "scaled" $scaled "command" "serve" "port" "http" "number" 8080) }}
{{- end }}

{{- define "autodeal.worker" -}}
{{- $scaled := .Values.worker.keda.enabled -}}
{{ include "autodeal.deployment" (dict "root" . "component" "worker" "values" .Values.worker "scaled" $scaled "command" "work" "port" "metrics" "number" 9090) }}
{{- end }}
