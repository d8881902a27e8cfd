{{/* For the Prometheus operator and Grafana's sidecar; switched by values, so that a render needs no cluster. */}}

{{- define "autodeal.serviceMonitor" -}}
{{- with .Values.monitoring.serviceMonitor }}
{{- if .enabled }}
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: {{ $.Release.Name }}
  labels:
    {{- include "autodeal.labels" (dict "root" $) | nindent 4 }}
    {{- toYaml .labels | nindent 4 }}
spec:
  selector:
    matchLabels:
      {{- include "autodeal.selector" (dict "root" $) | nindent 6 }}
  jobLabel: app.kubernetes.io/name
  endpoints:
    - port: http
      path: /metrics
      interval: {{ .interval }}
    {{- if hasKey $.Values "worker" }}
    - port: metrics
      path: /metrics
      interval: {{ .interval }}
    {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The rules watch the release that brings them, whatever its name and namespace. */}}
{{- define "autodeal.rules" -}}
{{- if .Values.monitoring.rules.enabled }}
{{- range $path, $file := .Files.Glob "rules/*.yaml" }}
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: {{ $.Release.Name }}-{{ trimSuffix ".yaml" (base $path) }}
  labels:
    {{- include "autodeal.labels" (dict "root" $) | nindent 4 }}
    {{- toYaml $.Values.monitoring.rules.labels | nindent 4 }}
spec:
  {{- $rules := $file | toString | trim | replace "NAMESPACE" $.Release.Namespace | replace "RELEASE" $.Release.Name }}
  {{- $rules | replace "runbook_url: docs/runbooks/" (printf "runbook_url: %s/" $.Values.monitoring.rules.runbooks) | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "autodeal.dashboards" -}}
{{- if .Values.monitoring.dashboards.enabled }}
{{- range $path, $file := .Files.Glob "dashboards/*.json" }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $.Release.Name }}-dashboard-{{ trimSuffix ".json" (base $path) }}
  labels:
    {{- include "autodeal.labels" (dict "root" $) | nindent 4 }}
    grafana_dashboard: "1"
data:
  {{ $.Release.Name }}-{{ base $path }}: |-
    {{- $file | toString | trim | nindent 4 }}
{{- end }}
{{- end }}
{{- end }}
