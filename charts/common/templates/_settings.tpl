{{/* The environment: plain settings from a ConfigMap, secrets as files, the ports by the chart. */}}

{{/* YAML reads numbers as floats; JSON writes them without an exponent, unlike printing them. */}}
{{- define "autodeal.settings" -}}
{{- range $key, $value := .Values.settings }}
{{ $key }}: {{ kindIs "string" $value | ternary $value (toRawJson $value) | quote }}
{{- end }}
{{- end }}

{{- define "autodeal.settingsMap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-settings
  labels:
    {{- include "autodeal.labels" (dict "root" .) | nindent 4 }}
data:
  {{- include "autodeal.settings" . | nindent 2 }}
{{- end }}

{{/* A hook runs before the release's ConfigMap exists, so its settings stand in the Job itself. */}}
{{- define "autodeal.settingsInline" -}}
{{- range $key, $value := include "autodeal.settings" . | fromYaml }}
- name: {{ $key }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{- define "autodeal.listen" -}}
- name: HTTP_HOST
  value: 0.0.0.0
- name: HTTP_PORT
  value: {{ . | quote }}
{{- end }}

{{/* Takes root and keys, the settings that are secret: where each one's file is. */}}
{{- define "autodeal.secretFiles" -}}
{{- range .keys }}
- name: {{ . }}_FILE
  value: /etc/autodeal/secrets/{{ . }}
{{- end }}
{{- with .root.Values.identity.credentialsKey }}
- name: AWS_SHARED_CREDENTIALS_FILE
  value: /etc/autodeal/secrets/{{ . }}
{{- end }}
{{- end }}

{{/* The longest that a process may take to stop, by its own settings, and a margin for its end. */}}
{{- define "autodeal.gracePeriodSeconds" -}}
{{- $settings := .Values.settings -}}
{{- addf $settings.HTTP_DRAIN_DELAY_SECONDS $settings.HTTP_DRAIN_TIMEOUT_SECONDS $settings.KAFKA_DRAIN_TIMEOUT_SECONDS 10 | ceil | int -}}
{{- end }}
