drop index crm.timeline_absorbed;
