import BulwarkInterceptors

extension PolicySelector {
  /// Those that fill up what this one leaves open, the most specific first.
  var lessSpecific: [PolicySelector] {
    switch self {
    case .all: []
    case .service: [.all]
    case .method(let service, _): [.service(service), .all]
    }
  }
}
