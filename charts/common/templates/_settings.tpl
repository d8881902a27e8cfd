{{/* The environment: plain settings from a ConfigMap, secrets as files, the ports by the chart. */}}

{{/* YAML reads numbers as floats; JSON writes them without an exponent, unlike printing them. */}}
{{- define "autodeal.settings" -}}
{{- range $key, $value := .Values.settings }}
{{ $key }}: {{ kindIs "string" $value | ternary $value (toRawJson $value) | quote }}
{{- end }}
{{- end }}

{{/* Takes path and values: the paths of texts that only hold a place, as the values files mark them. */}}
{{- define "autodeal.placeholders" -}}
{{- range $name, $value := .values }}
{{- $path := list $.path $name | compact | join "." }}
{{- if kindIs "map" $value }}
{{- include "autodeal.placeholders" (dict "path" $path "values" $value) }}
{{- else if and (kindIs "string" $value) (regexMatch "000000|replace-with|[.]example(/|$)|^(111111111111|222222222222)[.]" $value) }}
{{- printf "%s " $path }}
{{- end }}
{{- end }}
{{- end }}

{{/* A render without a cluster may show them; an installation would stand there and wait for nobody. */}}
{{- define "autodeal.refusePlaceholders" -}}
{{- $unfilled := include "autodeal.placeholders" (dict "path" "" "values" .Values) | trim -}}
{{- if and $unfilled (not .Values.allowPlaceholders) (lookup "v1" "ServiceAccount" .Release.Namespace "default") }}
{{- fail (printf "these values still hold a place for your own: %s (docs/operating.md#values says where each comes from; allowPlaceholders installs all the same)" ($unfilled | replace " " ", ")) }}
{{- end }}
{{- end }}

{{- define "autodeal.settingsMap" -}}
{{- include "autodeal.refusePlaceholders" . -}}
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

{{/* Takes root and files: where each secret setting is, and the credentials that emulators take. */}}
{{- define "autodeal.secretFiles" -}}
{{- $credentials := .root.Values.identity.credentialsKey }}
{{- range .files }}
- name: {{ eq . $credentials | ternary "AWS_SHARED_CREDENTIALS" . }}_FILE
  value: /etc/autodeal/secrets/{{ . }}
{{- end }}
{{- end }}

{{/* The longest that a process may take to stop, by its own settings, and a margin for its end. */}}
{{- define "autodeal.gracePeriodSeconds" -}}
{{- $seconds := 10.0 -}}
{{- range $name := list "HTTP_DRAIN_DELAY_SECONDS" "HTTP_DRAIN_TIMEOUT_SECONDS" "KAFKA_DRAIN_TIMEOUT_SECONDS" -}}
{{- $seconds = get $.Values.settings $name | required (printf "settings.%s must be given" $name) | addf $seconds -}}
{{- end -}}
{{- $seconds | ceil | int -}}
{{- end }}
