{{/*
Two ways in: people's REST, and the provider's webhook with a load balancer of its own, so that a flood
at the one does not reach the other. Controllers: `alb` on EKS, `nginx` on a developer's cluster.
*/}}

{{/* Takes root, name, values (of the one Ingress), bodyLimit, pathType and paths. */}}
{{- define "autodeal.ingress" -}}
{{- $controller := .root.Values.ingress.controller -}}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ .root.Release.Name }}-{{ .name }}
  labels:
    {{- include "autodeal.labels" (dict "root" .root) | nindent 4 }}
  annotations:
    {{- include (printf "autodeal.ingress.%s" $controller) . | nindent 4 }}
spec:
  ingressClassName: {{ $controller }}
  {{- with .values.tlsSecret }}
  tls:
    - hosts: [{{ $.values.host }}]
      secretName: {{ . }}
  {{- end }}
  rules:
    - host: {{ .values.host }}
      http:
        paths:
          {{- range .paths }}
          - path: {{ . }}
            pathType: {{ $.pathType }}
            backend:
              service:
                name: {{ $.root.Release.Name }}
                port:
                  name: http
          {{- end }}
{{- end }}

{{/* A connection may idle for longer than a stream may be silent, and for less than the process keeps it. */}}
{{- define "autodeal.ingress.idleSeconds" -}}
{{ addf .Values.settings.STREAM_IDLE_SECONDS 5 | int }}
{{- end }}

{{/* The balancer has no limit on bodies; the gateway refuses what is too large. */}}
{{- define "autodeal.ingress.alb" -}}
alb.ingress.kubernetes.io/group.name: {{ .root.Release.Namespace }}-{{ .name }}
alb.ingress.kubernetes.io/scheme: internet-facing
alb.ingress.kubernetes.io/target-type: ip
alb.ingress.kubernetes.io/listen-ports: '[{"HTTP":80},{"HTTPS":443}]'
alb.ingress.kubernetes.io/ssl-redirect: "443"
alb.ingress.kubernetes.io/ssl-policy: ELBSecurityPolicy-TLS13-1-2-2021-06
{{- with .values.certificateArn }}
alb.ingress.kubernetes.io/certificate-arn: {{ . }}
{{- end }}
{{- with .values.wafAclArn }}
alb.ingress.kubernetes.io/wafv2-acl-arn: {{ . }}
{{- end }}
{{- with .values.inboundCidrs }}
alb.ingress.kubernetes.io/inbound-cidrs: {{ join "," . }}
{{- end }}
alb.ingress.kubernetes.io/healthcheck-path: /readyz
alb.ingress.kubernetes.io/healthcheck-interval-seconds: "5"
alb.ingress.kubernetes.io/healthcheck-timeout-seconds: "3"
alb.ingress.kubernetes.io/healthy-threshold-count: "2"
alb.ingress.kubernetes.io/unhealthy-threshold-count: "2"
alb.ingress.kubernetes.io/load-balancer-attributes: idle_timeout.timeout_seconds={{ include "autodeal.ingress.idleSeconds" .root }},routing.http.drop_invalid_header_fields.enabled=true
alb.ingress.kubernetes.io/target-group-attributes: deregistration_delay.timeout_seconds={{ .root.Values.settings.HTTP_DRAIN_TIMEOUT_SECONDS | int }}
{{- end }}

{{- define "autodeal.ingress.nginx" -}}
nginx.ingress.kubernetes.io/proxy-body-size: {{ .bodyLimit | int64 | quote }}
nginx.ingress.kubernetes.io/proxy-read-timeout: {{ include "autodeal.ingress.idleSeconds" .root | quote }}
nginx.ingress.kubernetes.io/proxy-buffering: "off"
nginx.ingress.kubernetes.io/ssl-redirect: {{ empty .values.tlsSecret | not | quote }}
{{- with .values.inboundCidrs }}
nginx.ingress.kubernetes.io/whitelist-source-range: {{ join "," . }}
{{- end }}
{{- end }}

{{- define "autodeal.restIngress" -}}
{{- with .Values.ingress.rest }}
{{- if .enabled }}
{{ include "autodeal.ingress" (dict "root" $ "name" "rest" "values" . "bodyLimit" $.Values.settings.HTTP_BODY_LIMIT_BYTES "pathType" "Prefix" "paths" .paths) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "autodeal.webhookIngress" -}}
{{- with .Values.ingress.webhook }}
{{- if .enabled }}
{{ include "autodeal.ingress" (dict "root" $ "name" "webhook" "values" . "bodyLimit" $.Values.settings.WEBHOOK_BODY_LIMIT_BYTES "pathType" "Exact" "paths" (list "/webhook")) }}
{{- end }}
{{- end }}
{{- end }}
