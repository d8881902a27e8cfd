{{/* What may come in and go out. Kubelet's probes are let through by every implementation. */}}

{{/* Name resolution, what the values name, and the agent that hands out the pod's AWS credentials. */}}
{{- define "autodeal.egress" -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
      podSelector:
        matchLabels:
          k8s-app: kube-dns
  ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- if .Values.identity.podIdentity }}
- to:
    - ipBlock:
        cidr: 169.254.170.23/32
  ports:
    - {port: 80, protocol: TCP}
{{- end }}
{{- range $name, $rule := .Values.networkPolicy.egress }}
- to:
    {{- toYaml $rule.to | nindent 4 }}
  ports:
    {{- range $rule.ports }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- end }}
{{- end }}

{{/* Prometheus may read the port of this name. */}}
{{- define "autodeal.fromPrometheus" -}}
- from:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ .root.Values.networkPolicy.prometheusNamespace }}
  ports:
    - {port: {{ .port }}, protocol: TCP}
{{- end }}

{{- define "autodeal.policyHead" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "autodeal.component" . }}
  labels:
    {{- include "autodeal.labels" . | nindent 4 }}
{{- end }}

{{- define "autodeal.httpPolicy" -}}
{{- if .Values.networkPolicy.enabled }}
{{- $part := dict "root" . "component" "http" "port" "http" }}
{{ include "autodeal.policyHead" $part }}
spec:
  podSelector:
    matchLabels:
      {{- include "autodeal.selector" $part | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - podSelector:
            matchLabels:
              {{- include "autodeal.selector" (dict "root" . "component" "test") | nindent 14 }}
        {{- range $name, $peer := .Values.networkPolicy.ingress }}
        - {{- toYaml $peer | nindent 10 }}
        {{- end }}
      ports:
        - {port: http, protocol: TCP}
    {{- include "autodeal.fromPrometheus" $part | nindent 4 }}
  egress:
    {{- include "autodeal.egress" . | nindent 4 }}
{{- end }}
{{- end }}

{{- define "autodeal.workerPolicy" -}}
{{- if .Values.networkPolicy.enabled }}
{{- $part := dict "root" . "component" "worker" "port" "metrics" }}
{{ include "autodeal.policyHead" $part }}
spec:
  podSelector:
    matchLabels:
      {{- include "autodeal.selector" $part | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    {{- include "autodeal.fromPrometheus" $part | nindent 4 }}
  egress:
    {{- include "autodeal.egress" . | nindent 4 }}
{{- end }}
{{- end }}

{{/* Of a hook's weight: the namespace denies by default, and the Jobs come before the release. */}}
{{- define "autodeal.hookPolicy" -}}
{{- if .Values.networkPolicy.enabled }}
{{- $part := dict "root" . "component" "migrate" }}
{{ include "autodeal.policyHead" $part }}
  annotations:
    {{- include "autodeal.hook" -10 | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "autodeal.selector" (dict "root" .) | nindent 6 }}
    matchExpressions:
      - {key: app.kubernetes.io/component, operator: In, values: [migrate, topics]}
  policyTypes: [Ingress, Egress]
  egress:
    {{- include "autodeal.egress" . | nindent 4 }}
{{- end }}
{{- end }}

{{/* A test pod calls the release's own Service and nothing else. */}}
{{- define "autodeal.testPolicy" -}}
{{- if .Values.networkPolicy.enabled }}
{{- $part := dict "root" . "component" "test" }}
{{ include "autodeal.policyHead" $part }}
spec:
  podSelector:
    matchLabels:
      {{- include "autodeal.selector" $part | nindent 6 }}
  policyTypes: [Ingress, Egress]
  egress:
    - to:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: kube-system
          podSelector:
            matchLabels:
              k8s-app: kube-dns
      ports:
        - {port: 53, protocol: UDP}
        - {port: 53, protocol: TCP}
    - to:
        - podSelector:
            matchLabels:
              {{- include "autodeal.selector" (dict "root" . "component" "http") | nindent 14 }}
      ports:
        - {port: http, protocol: TCP}
{{- end }}
{{- end }}
