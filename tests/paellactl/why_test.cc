#include "scheduler_daemon/paellactl/why.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace paella::paellactl {
namespace {

using nlohmann::json;

json Document() {
  return json::parse(R"({"jobs": [
    {"job": 12, "tenant": "alice", "client": 7, "commands": 120, "is_over": true, "was_cut": false,
     "ended_ago_ns": 400000000, "latency_ns": 12300000, "client_ns": 400000, "ring_ns": 100000, "waiting_ns": 9000000,
     "gpu_queue_ns": 300000, "running_ns": 2500000, "waiting": [
       {"rule": "policy", "tenant": "busy/b", "policy": "srpt", "time_ns": 7500000},
       {"rule": "in flight", "tenant": "busy/b", "policy": null, "time_ns": 1500000}]},
    {"job": 11, "tenant": "busy/b", "client": 8, "commands": 1, "is_over": false, "was_cut": false, "ended_ago_ns": 0,
     "latency_ns": 1000, "client_ns": 0, "ring_ns": 0, "waiting_ns": 0, "gpu_queue_ns": 0, "running_ns": 1000,
     "waiting": []},
    {"job": 3, "tenant": "alice", "client": 7, "commands": 9, "is_over": true, "was_cut": true,
     "ended_ago_ns": 5000000000, "latency_ns": 300000000, "client_ns": 0, "ring_ns": 0, "waiting_ns": 300000000,
     "gpu_queue_ns": 0, "running_ns": 0, "waiting": [
       {"rule": "own order", "tenant": null, "policy": null, "time_ns": 299999000},
       {"rule": "policy", "tenant": "alice", "policy": "fifo", "time_ns": 1000}]}]})");
}

std::string Described(const WhyOptions& options) {
  const Answer answer = DescribeJobs(Document(), options);
  EXPECT_FALSE(answer.failed) << answer.text;
  return answer.text;
}

TEST(WhyTest, AJobInWords) {
  EXPECT_EQ(Described({.what = "12"}),
            "job 12 of alice, client 7: 120 commands, ended 0.4 s ago\n"
            "12.30 ms: 0.40 client, 0.10 ring, 9.00 waiting (7.50 behind busy/b: it ran in this time under srpt; 1.50 held "
            "back by the in-flight limit, behind busy/b), 0.30 GPU queue, 2.50 running\n");
}

TEST(WhyTest, WhatIsShownAddsUp) {
  const json job = {{"latency_ns", 100'000'000}, {"client_ns", 33'333'333}, {"ring_ns", 33'333'333},
                    {"waiting_ns", 33'333'334},  {"gpu_queue_ns", 0},       {"running_ns", 0}};
  const std::string shown = DescribeJob(job);
  EXPECT_NE(shown.find("100.0 ms: 33.3 client, 33.3 ring, 33.4 waiting, 0.0 GPU queue, 0.0 running"), shown.npos) << shown;
}

TEST(WhyTest, ATenantIsItsNewestJobOrItsSlowest) {
  EXPECT_EQ(Described({.what = "alice"}), Described({.what = "12"}));
  EXPECT_EQ(Described({.what = "alice", .slowest = true}), Described({.what = "3"}));
  EXPECT_EQ(Described({.what = "3"}),
            "job 3 of alice, client 7: 9 commands, ended 5.0 s ago, cut where its program went on\n"
            "300.0 ms: 0.0 client, 0.0 ring, 300.0 waiting (300.0 for its own dependencies, callbacks or turn to print), 0.0 "
            "GPU queue, 0.0 running\n");
}

TEST(WhyTest, AListIsOfTheNewestOrTheSlowest) {
  EXPECT_EQ(Described({}),
            "JOB  TENANT  COMMANDS      ENDED       MS  CLIENT   RING  WAITING  GPU QUEUE  RUNNING  MOST BEHIND\n"
            " 12  alice        120  0.4 s ago   12.300   0.400  0.100    9.000      0.300    2.500  busy/b\n"
            " 11  busy/b         1   not over    0.001   0.000  0.000    0.000      0.000    0.001  -\n"
            "  3  alice          9  5.0 s ago  300.000   0.000  0.000  300.000      0.000    0.000  -\n");
  const std::string slowest = Described({.slowest = true, .limit = 1});
  EXPECT_NE(slowest.find("\n  3  alice"), slowest.npos) << slowest;
  EXPECT_EQ(std::ranges::count(slowest, '\n'), 2);
}

TEST(WhyTest, AsJson) {
  EXPECT_EQ(json::parse(Described({.limit = 2, .as_json = true}))["jobs"].size(), 2u);
  EXPECT_EQ(json::parse(Described({.what = "busy/b", .as_json = true}))["job"], 11);
}

TEST(WhyTest, ANumberThatIsNoJobMayBeATenant) {
  json document = Document();
  document["jobs"][1]["tenant"] = "2024";
  const Answer answer = DescribeJobs(document, {.what = "2024", .as_json = true});
  EXPECT_EQ(json::parse(answer.text)["job"], 11);
}

TEST(WhyTest, NobodyIsFound) {
  const Answer answer = DescribeJobs(Document(), {.what = "bob"});
  EXPECT_TRUE(answer.failed);
  EXPECT_EQ(answer.text, "there is no recent job, and no tenant with one, 'bob'");
}

// Of another version, or no paellad at all.
TEST(WhyTest, AnOddDocumentIsShownAsFarAsItGoes) {
  EXPECT_TRUE(DescribeJobs(json(), {}).failed);
  EXPECT_TRUE(DescribeJobs({{"jobs", 7}}, {}).failed);
  EXPECT_FALSE(DescribeJobs({{"jobs", {7, nullptr, {{"job", "x\x1b"}, {"waiting", {1, {{"rule", 5}}}}}}}}, {}).failed);
  const json job = {{"job", 1}, {"latency_ns", -5}, {"waiting_ns", 5000},
                    {"waiting", {1, {{"rule", "a new one"}, {"time_ns", 5000}}}}};
  EXPECT_NE(DescribeJob(job).find("job 1 of -"), std::string::npos);
}

}  // namespace
}  // namespace paella::paellactl
