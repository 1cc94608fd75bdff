public import Bulwark

extension OrcaLoadReport {
  /// What the message of the interop cases stands for.
  public init(_ test: TestOrcaReport) {
    self.init()
    self.cpuUtilization = test.cpuUtilization
    self.memUtilization = test.memoryUtilization
    self.requestCost = test.requestCost
    self.utilization = test.utilization
  }
}
