# The seed's services. Order of deployment: config-server, discovery-server, api-gateway, then all others together.

locals {
  catalogue = {
    config-server    = { wave = 0, tier = "core", port = 8888, expose = "health", uses = [], grants = [], environment = {}, enabled = true }
    discovery-server = { wave = 1, tier = "core", port = 8761, expose = "health", uses = [], grants = [], environment = {}, enabled = true }
    api-gateway      = { wave = 2, tier = "core", port = 8080, expose = "api", uses = ["jwt", "oauth", "redis"], grants = [], environment = {}, enabled = true }

    user-service       = { wave = 3, tier = "business", port = 8081, expose = "api", uses = ["postgres", "jwt", "oauth", "redis", "rabbitmq"], grants = ["uploads"], environment = {}, enabled = true }
    task-service       = { wave = 3, tier = "business", port = 8082, expose = "api", uses = ["postgres", "jwt", "rabbitmq"], grants = [], environment = {}, enabled = true }
    skill-service      = { wave = 3, tier = "business", port = 8083, expose = "api", uses = ["postgres", "jwt"], grants = [], environment = {}, enabled = true }
    assessment-service = { wave = 3, tier = "business", port = 8084, expose = "api", uses = ["postgres", "jwt", "rabbitmq"], grants = ["uploads"], environment = {}, enabled = true }

    analytics-service    = { wave = 3, tier = "support", port = 8085, expose = "api", uses = ["mongodb", "jwt", "rabbitmq"], grants = [], environment = {}, enabled = true }
    feedback-service     = { wave = 3, tier = "support", port = 8086, expose = "api", uses = ["mongodb", "jwt"], grants = [], environment = {}, enabled = true }
    notification-service = { wave = 3, tier = "support", port = 8087, expose = "api", uses = ["mongodb", "jwt", "rabbitmq"], grants = ["publish"], environment = {}, enabled = true }
    report-service       = { wave = 3, tier = "support", port = 8088, expose = "api", uses = ["postgres", "jwt"], grants = ["uploads"], environment = {}, enabled = true }

    recommendation-service = { wave = 3, tier = "integration", port = 8089, expose = "api", uses = ["mongodb", "jwt", "redis", "google"], grants = [], environment = {}, enabled = true }
    search-service         = { wave = 3, tier = "integration", port = 8090, expose = "api", uses = ["mongodb", "jwt", "redis"], grants = [], environment = {}, enabled = true }
    integration-service    = { wave = 3, tier = "integration", port = 8091, expose = "api", uses = ["postgres", "jwt", "rabbitmq", "google"], grants = [], environment = {}, enabled = true }
    collaboration-service  = { wave = 3, tier = "integration", port = 8092, expose = "api", uses = ["mongodb", "jwt", "redis", "rabbitmq"], grants = [], environment = {}, enabled = true }

    # "Infrastructure ready, code pending": a line here and an image are all that is missing.
    bff-service          = { wave = 3, tier = "planned", port = 8093, expose = "api", uses = ["jwt"], grants = [], environment = {}, enabled = false }
    payment-service      = { wave = 3, tier = "planned", port = 8094, expose = "api", uses = ["postgres", "jwt"], grants = [], environment = {}, enabled = false }
    gamification-service = { wave = 3, tier = "planned", port = 8095, expose = "api", uses = ["mongodb", "jwt"], grants = [], environment = {}, enabled = false }
    practice-service     = { wave = 3, tier = "planned", port = 8096, expose = "api", uses = ["mongodb", "jwt"], grants = [], environment = {}, enabled = false }
  }

  # Through JSON, since the two have different types.
  declared = jsondecode(var.services == null ? jsonencode(local.catalogue) : jsonencode(var.services))
  services = { for name, service in local.declared : name => service if service.enabled }
  size     = { for name, _ in local.services : name => lookup(var.sizes, name, var.size) }

  # Waves as lists of names, for the order of deployment.
  waves = [for wave in sort(distinct([for _, s in local.services : format("%06d", s.wave)])) :
  sort([for name, s in local.services : name if format("%06d", s.wave) == wave])]

  fargate_sizes = {
    "256"  = [512, 1024, 2048]
    "512"  = range(1024, 4097, 1024)
    "1024" = range(2048, 8193, 1024)
    "2048" = range(4096, 16385, 1024)
    "4096" = range(8192, 30721, 1024)
  }
}
