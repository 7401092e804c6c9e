"""The columns the demo fills of slurmdbd's job and step tables, in the order the rows are made."""

# fmt: off
JOB_COLUMNS = (
    "job_db_inx", "mod_time", "account", "array_task_str", "array_max_tasks", "array_task_pending", "constraints",
    "cpus_req", "derived_ec", "derived_es", "exit_code", "flags", "job_name", "id_assoc", "id_array_job",
    "id_array_task", "id_job", "id_qos", "id_resv", "id_wckey", "id_user", "id_group", "het_job_id",
    "het_job_offset", "kill_requid", "state_reason_prev", "mem_req", "nodelist", "nodes_alloc", "node_inx",
    "partition", "priority", "script_hash_inx", "state", "timelimit", "time_submit", "time_eligible", "time_start",
    "time_end", "time_suspended", "wckey", "work_dir", "submit_line", "tres_alloc", "tres_req",
)
STEP_COLUMNS = (
    "job_db_inx", "exit_code", "id_step", "nodelist", "nodes_alloc", "node_inx", "state", "step_name", "task_cnt",
    "task_dist", "time_start", "time_end", "time_suspended", "user_sec", "user_usec", "sys_sec", "sys_usec",
    "submit_line", "tres_alloc", "tres_usage_in_ave", "tres_usage_in_max", "tres_usage_in_max_taskid",
    "tres_usage_in_max_nodeid", "tres_usage_in_min", "tres_usage_in_tot",
)
# fmt: on
