int RunpathTargetAnswer(void) { return 42; }
