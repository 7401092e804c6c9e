"""Names of the numbers in `state_reason_prev`, as Slurm's own commands print them."""

from __future__ import annotations

REASONS: tuple[str, ...] = tuple(
    [
        "None", "Priority", "Dependency", "Resources", "PartitionNodeLimit", "PartitionTimeLimit",
        "PartitionDown", "PartitionInactive", "JobHeldAdmin", "BeginTime", "Licenses", "AssociationJobLimit",
        "AssociationResourceLimit", "AssociationTimeLimit", "Reservation", "ReqNodeNotAvail", "JobHeldUser",
        "FrontEndDown", "SchedDefer", "PartitionDown", "NodeDown", "BadConstraints", "SystemFailure",
        "JobLaunchFailure", "NonZeroExitCode", "TimeLimit", "InactiveLimit", "InvalidAccount", "InvalidQOS",
        "QOSUsageThreshold", "QOSJobLimit", "QOSResourceLimit", "QOSTimeLimit", "BlockMaxError",
        "BlockFreeAction", "Cleaning", "Prolog", "QOSNotAllowed", "AccountNotAllowed",
        "DependencyNeverSatisfied", "QOSGrpCpuLimit", "QOSGrpCPUMinutesLimit", "QOSGrpCPURunMinutesLimit",
        "QOSGrpJobsLimit", "QOSGrpMemLimit", "QOSGrpNodeLimit", "QOSGrpSubmitJobsLimit", "QOSGrpWallLimit",
        "QOSMaxCpuPerJobLimit", "QOSMaxCpuMinutesPerJobLimit", "QOSMaxNodePerJobLimit",
        "QOSMaxWallDurationPerJobLimit", "QOSMaxCpuPerUserLimit", "QOSMaxJobsPerUserLimit",
        "QOSMaxNodePerUserLimit", "QOSMaxSubmitJobPerUserLimit", "QOSMinCpuNotSatisfied", "AssocGrpCpuLimit",
        "AssocGrpCPUMinutesLimit", "AssocGrpCPURunMinutesLimit", "AssocGrpJobsLimit", "AssocGrpMemLimit",
        "AssocGrpNodeLimit", "AssocGrpSubmitJobsLimit", "AssocGrpWallLimit", "AssocMaxJobsLimit",
        "AssocMaxCpuPerJobLimit", "AssocMaxCpuMinutesPerJobLimit", "AssocMaxNodePerJobLimit",
        "AssocMaxWallDurationPerJobLimit", "AssocMaxSubmitJobLimit", "JobHoldMaxRequeue", "JobArrayTaskLimit",
        "BurstBufferResources", "BurstBufferStageIn", "BurstBufferOperation", "PowerNotAvail", "PowerReserved",
        "AssocGrpUnknown", "AssocGrpUnknownMinutes", "AssocGrpUnknownRunMinutes", "AssocMaxUnknownPerJob",
        "AssocMaxUnknownPerNode", "AssocMaxUnknownMinutesPerJob", "AssocMaxCpuPerNode", "AssocGrpMemMinutes",
        "AssocGrpMemRunMinutes", "AssocMaxMemPerJob", "AssocMaxMemPerNode", "AssocMaxMemMinutesPerJob",
        "AssocGrpNodeMinutes", "AssocGrpNodeRunMinutes", "AssocMaxNodeMinutesPerJob", "AssocGrpEnergy",
        "AssocGrpEnergyMinutes", "AssocGrpEnergyRunMinutes", "AssocMaxEnergyPerJob", "AssocMaxEnergyPerNode",
        "AssocMaxEnergyMinutesPerJob", "AssocGrpGRES", "AssocGrpGRESMinutes", "AssocGrpGRESRunMinutes",
        "AssocMaxGRESPerJob", "AssocMaxGRESPerNode", "AssocMaxGRESMinutesPerJob", "AssocGrpLicense",
        "AssocGrpLicenseMinutes", "AssocGrpLicenseRunMinutes", "AssocMaxLicensePerJob",
        "AssocMaxLicenseMinutesPerJob", "AssocGrpBB", "AssocGrpBBMinutes", "AssocGrpBBRunMinutes",
        "AssocMaxBBPerJob", "AssocMaxBBPerNode", "AssocMaxBBMinutesPerJob", "QOSGrpUnknown",
        "QOSGrpUnknownMinutes", "QOSGrpUnknownRunMinutes", "QOSMaxUnknownPerJob", "QOSMaxUnknownPerNode",
        "QOSMaxUnknownPerUser", "QOSMaxUnknownMinutesPerJob", "QOSMinUnknown", "QOSMaxCpuPerNode",
        "QOSGrpMemoryMinutes", "QOSGrpMemoryRunMinutes", "QOSMaxMemoryMinutesPerJob", "QOSMaxMemoryPerJob",
        "QOSMaxMemoryPerNode", "QOSMaxMemoryPerUser", "QOSMinMemory", "QOSGrpEnergy", "QOSGrpEnergyMinutes",
        "QOSGrpEnergyRunMinutes", "QOSMaxEnergyPerJob", "QOSMaxEnergyPerNode", "QOSMaxEnergyPerUser",
        "QOSMaxEnergyMinutesPerJob", "QOSMinEnergy", "QOSGrpNodeMinutes", "QOSGrpNodeRunMinutes",
        "QOSMaxNodeMinutesPerJob", "QOSMinNode", "QOSGrpGRES", "QOSGrpGRESMinutes", "QOSGrpGRESRunMinutes",
        "QOSMaxGRESPerJob", "QOSMaxGRESPerNode", "QOSMaxGRESPerUser", "QOSMaxGRESMinutesPerJob", "QOSMinGRES",
        "QOSGrpLicense", "QOSGrpLicenseMinutes", "QOSGrpLicenseRunMinutes", "QOSMaxLicensePerJob",
        "QOSMaxLicensePerUser", "QOSMaxLicenseMinutesPerJob", "QOSMinLicense", "QOSGrpBB", "QOSGrpBBMinutes",
        "QOSGrpBBRunMinutes", "QOSMaxBBPerJob", "QOSMaxBBPerNode", "QOSMaxBBPerUser", "AssocMaxBBMinutesPerJob",
        "QOSMinBB", "DeadLine", "MaxBBPerAccount", "MaxCpuPerAccount", "MaxEnergyPerAccount",
        "MaxGRESPerAccount", "MaxNodePerAccount", "MaxLicensePerAccount", "MaxMemoryPerAccount",
        "MaxUnknownPerAccount", "MaxJobsPerAccount", "MaxSubmitJobsPerAccount", "PartitionConfig",
        "AccountingPolicy", "FedJobLock", "OutOfMemory", "MaxMemPerLimit", "AssocGrpBilling",
        "AssocGrpBillingMinutes", "AssocGrpBillingRunMinutes", "AssocMaxBillingPerJob",
        "AssocMaxBillingPerNode", "AssocMaxBillingMinutesPerJob", "QOSGrpBilling", "QOSGrpBillingMinutes",
        "QOSGrpBillingRunMinutes", "QOSMaxBillingPerJob", "QOSMaxBillingPerNode", "QOSMaxBillingPerUser",
        "QOSMaxBillingMinutesPerJob", "MaxBillingPerAccount", "QOSMinBilling", "ReservationDeleted",
    ]
)


def reason(number: int) -> str:
    """The reason's name; the number itself where this list ends (a newer Slurm)."""
    return REASONS[number] if 0 <= number < len(REASONS) else str(number)
