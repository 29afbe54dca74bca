{{/* What the pods of API, workers and Valkey have in common. */}}

{{- define "runs-fleet.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "runs-fleet.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* (dict "root" $ "component" "api" "values" .Values.api) */}}
{{- define "runs-fleet.podMetadata" -}}
labels:
  {{- include "runs-fleet.labels" . | nindent 2 }}
  {{- with .values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  checksum/config: {{ include (print .root.Template.BasePath "/config.yaml") .root | sha256sum }}
  {{- if not .root.Values.secrets.existingSecret }}
  checksum/secret: {{ include (print .root.Template.BasePath "/secret.yaml") .root | sha256sum }}
  {{- end }}
  {{- with .values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "runs-fleet.placement" -}}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "runs-fleet.spread" -}}
topologySpreadConstraints:
{{- if .values.topologySpreadConstraints }}
  {{- toYaml .values.topologySpreadConstraints | nindent 2 }}
{{- else }}
{{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "runs-fleet.selector" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}
{{- end }}

{{/* One key of the Secret as a variable: (dict "root" $ "name" "RUNS_FLEET_X" "key" "x") */}}
{{- define "runs-fleet.secretVariable" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ include "runs-fleet.secret" .root }}
      key: {{ .key }}
      {{- if .optional }}
      optional: true
      {{- end }}
{{- end }}

{{/* Variables of API and workers that are secret. */}}
{{- define "runs-fleet.commonVariables" -}}
{{ include "runs-fleet.secretVariable" (dict "root" .root "name" "TEMPORAL_API_KEY" "key" "temporal-api-key" "optional" true) }}
{{- if include "runs-fleet.usesValkey" .root }}
{{ include "runs-fleet.secretVariable" (dict "root" .root "name" "RUNS_FLEET_VALKEY_PASSWORD" "key" "valkey-password") }}
{{- end }}
{{- end }}

{{- define "runs-fleet.commonMounts" -}}
- name: tmp
  mountPath: /tmp
{{- with .root.Values.temporal.tls }}
{{- if .caSecret }}
- name: temporal-ca
  mountPath: /etc/runs-fleet/temporal-ca
  readOnly: true
{{- end }}
{{- if .clientSecret }}
- name: temporal-client
  mountPath: /etc/runs-fleet/temporal-client
  readOnly: true
{{- end }}
{{- end }}
{{- if .root.Values.valkey.external.caSecret }}
- name: valkey-ca
  mountPath: /etc/runs-fleet/valkey-ca
  readOnly: true
{{- end }}
{{- with .values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "runs-fleet.commonVolumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- with .root.Values.temporal.tls }}
{{- if .caSecret }}
- name: temporal-ca
  secret:
    secretName: {{ .caSecret }}
    defaultMode: 0440
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- if .clientSecret }}
- name: temporal-client
  secret:
    secretName: {{ .clientSecret }}
    defaultMode: 0440
{{- end }}
{{- end }}
{{- with .root.Values.valkey.external.caSecret }}
- name: valkey-ca
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- with .values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
