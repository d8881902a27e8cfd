{{/*
For `skaffold dev` only: /app is a volume, filled from the image when the pod starts. What a tool writes there
outlives the restart of the container that puts it into effect; the root file system stays read-only.
*/}}

{{- define "autodeal.appVolume" -}}
- name: app
  emptyDir:
    sizeLimit: 512Mi
{{- end }}

{{- define "autodeal.appMount" -}}
- name: app
  mountPath: /app
  subPath: app
{{- end }}

{{/* Runs again in the same volume after a node has been restarted. Takes root. */}}
{{- define "autodeal.appCopy" -}}
- name: app-copy
  image: {{ include "autodeal.image" .root }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  command: [/app/.venv/bin/python, -c]
  args:
    - |-
      import shutil
      shutil.rmtree("/copy/app", ignore_errors=True)
      shutil.copytree("/app", "/copy/app", symlinks=True)
  resources:
    requests: {cpu: 50m, memory: 64Mi}
    limits: {memory: 128Mi}
  securityContext:
    {{- include "autodeal.containerSecurity" . | nindent 4 }}
  volumeMounts:
    - name: tmp
      mountPath: /tmp
    - name: app
      mountPath: /copy
{{- end }}
