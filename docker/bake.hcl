# Both images for both architectures: docker buildx bake -f docker/bake.hcl --push
variable "REGISTRY" { default = "registry.example.com/runs-fleet" }
variable "TAG" { default = "dev" }
variable "RUNNER_VERSION" { default = "2.336.0" }

group "default" { targets = ["runner", "server"] }

target "all" {
  context   = "."
  platforms = ["linux/amd64", "linux/arm64"]
  attest    = ["type=provenance,mode=max", "type=sbom"]
}

target "runner" {
  inherits   = ["all"]
  dockerfile = "docker/runner/Dockerfile"
  args       = { RUNNER_VERSION = RUNNER_VERSION }
  tags       = ["${REGISTRY}/runner:${TAG}"]
}

target "server" {
  inherits   = ["all"]
  dockerfile = "docker/server/Dockerfile"
  tags       = ["${REGISTRY}/server:${TAG}"]
}
