{{/* What every pod has: hooks and tests too. */}}

{{- define "autodeal.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "autodeal.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end }}

{{/*
Takes a part, files (the keys of its Secret) and maybe liveSync: the pod's fields that stand beside its
containers.
*/}}
{{- define "autodeal.podBasics" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- include "autodeal.podSecurity" . | nindent 2 }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- if .root.Values.arm64.required }}
affinity:
  {{- include "autodeal.arm64" . | nindent 2 }}
{{- end }}
volumes:
  - name: tmp
    emptyDir:
      sizeLimit: 64Mi
  {{- include "autodeal.secretVolume" . | nindent 2 }}
  {{- with .root.Values.trust.configMap }}
  - name: trust
    configMap:
      name: {{ . }}
  {{- end }}
  {{- if .liveSync }}
  {{- include "autodeal.appVolume" . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Takes root, files and maybe liveSync: a container's fields that are the same in all. */}}
{{- define "autodeal.containerBasics" -}}
image: {{ include "autodeal.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  {{- include "autodeal.containerSecurity" . | nindent 2 }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
  {{- if .files }}
  - name: secrets
    mountPath: /etc/autodeal/secrets
    readOnly: true
  {{- end }}
  {{- if .root.Values.trust.configMap }}
  - name: trust
    mountPath: /etc/autodeal/trust
    readOnly: true
  {{- end }}
  {{- if .liveSync }}
  {{- include "autodeal.appMount" . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "autodeal.arm64" -}}
nodeAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    nodeSelectorTerms:
      - matchExpressions:
          - key: kubernetes.io/arch
            operator: In
            values: [arm64]
{{- end }}

{{/* Takes a part: pods of one revision spread over zones and over nodes. */}}
{{- define "autodeal.spread" -}}
- topologyKey: topology.kubernetes.io/zone
  maxSkew: 1
  whenUnsatisfiable: {{ .root.Values.spread.zones }}
  matchLabelKeys: [pod-template-hash]
  labelSelector:
    matchLabels:
      {{- include "autodeal.selector" . | nindent 6 }}
- topologyKey: kubernetes.io/hostname
  maxSkew: 1
  whenUnsatisfiable: {{ .root.Values.spread.nodes }}
  matchLabelKeys: [pod-template-hash]
  labelSelector:
    matchLabels:
      {{- include "autodeal.selector" . | nindent 6 }}
{{- end }}
