-- Lists of tasks ask for the steps of those that they show, and which tasks have ended.

CREATE INDEX decision_task_step ON decision ((body ->> 'task'), id) WHERE kind = 'task_step';
