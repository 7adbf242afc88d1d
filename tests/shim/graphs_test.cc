// Graphs as data: nodes, edges, copies.
#include "shim/graphs.h"

#include <gtest/gtest.h>

namespace paella::shim {
namespace {

std::vector<GraphNode*> NodesOf(const Graph& graph) {
  std::vector<GraphNode*> nodes;
  for (const auto& node : graph.nodes) nodes.push_back(node.get());
  return nodes;
}

class GraphsTest : public testing::Test {
 protected:
  GraphNode* Add(std::initializer_list<GraphNode*> after = {}, Work work = EmptyWork{}) {
    std::vector<GraphEdge> edges;
    for (GraphNode* node : after) edges.push_back({node, {}});
    return graphs_.AddNode(*graph_, std::move(work), edges);
  }

  Graphs graphs_;
  Graph* graph_ = graphs_.Create();
};

TEST_F(GraphsTest, HandlesEndWithTheirObjects) {
  GraphNode* const node = Add();
  EXPECT_EQ(graphs_.Find(HandleOf(graph_)), graph_);
  EXPECT_EQ(graphs_.FindNode(HandleOf(node)), node);
  graphs_.DestroyNode(*node);
  EXPECT_EQ(graphs_.FindNode(HandleOf(node)), nullptr);
  GraphNode* const other = Add();
  const CUgraph handle = HandleOf(graph_);
  const CUgraphNode other_handle = HandleOf(other);
  graphs_.Destroy(graph_);
  EXPECT_EQ(graphs_.Find(handle), nullptr);
  EXPECT_EQ(graphs_.FindNode(other_handle), nullptr);
}

TEST_F(GraphsTest, NodesComeAfterWhatTheyDependOn) {
  GraphNode* const last = Add();
  GraphNode* const first = Add();
  GraphNode* const middle = Add({first});
  EXPECT_EQ(graphs_.AddEdge({middle, {}}, *last), CUDA_SUCCESS);
  EXPECT_EQ(InTopologicalOrder(*graph_), (std::vector<GraphNode*>{first, middle, last}));
  EXPECT_TRUE(Reaches(*first, *last));
  EXPECT_FALSE(Reaches(*last, *first));
}

TEST_F(GraphsTest, NoEdgeIsThereTwiceOrClosesACircle) {
  GraphNode* const first = Add();
  GraphNode* const second = Add({first});
  EXPECT_EQ(graphs_.AddEdge({first, {}}, *second), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(graphs_.AddEdge({second, {}}, *first), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(graphs_.AddEdge({first, {}}, *first), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(graphs_.RemoveEdge({first, {}}, *second), CUDA_SUCCESS);
  EXPECT_EQ(graphs_.RemoveEdge({first, {}}, *second), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(graphs_.AddEdge({second, {}}, *first), CUDA_SUCCESS);
}

TEST_F(GraphsTest, ProgrammaticEdgesStartAtKernels) {
  GraphNode* const plain = Add();
  GraphNode* const kernel = Add({}, KernelWork{});
  GraphNode* const after = Add();
  CUgraphEdgeData programmatic{};
  programmatic.type = CU_GRAPH_DEPENDENCY_TYPE_PROGRAMMATIC;
  programmatic.from_port = CU_GRAPH_KERNEL_NODE_PORT_PROGRAMMATIC;
  EXPECT_EQ(graphs_.AddEdge({plain, programmatic}, *after), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(graphs_.AddEdge({kernel, programmatic}, *after), CUDA_SUCCESS);
  EXPECT_EQ(graphs_.RemoveEdge({kernel, {}}, *after), CUDA_ERROR_INVALID_VALUE);  // another edge
}

TEST_F(GraphsTest, ADestroyedNodeTakesItsEdgesAlong) {
  GraphNode* const first = Add();
  GraphNode* const middle = Add({first});
  GraphNode* const last = Add({middle});
  graphs_.DestroyNode(*middle);
  EXPECT_TRUE(first->dependents.empty());
  EXPECT_TRUE(last->dependencies.empty());
  EXPECT_EQ(NodesOf(*graph_), (std::vector<GraphNode*>{first, last}));
}

TEST_F(GraphsTest, DependenciesAreNodesOfTheGraphAndDistinct) {
  GraphNode* const node = Add();
  Graph* const other = graphs_.Create();
  GraphNode* const foreign = graphs_.AddNode(*other, EmptyWork{}, {});
  std::vector<GraphEdge> edges;
  const CUgraphNode twice[] = {HandleOf(node), HandleOf(node)};
  const CUgraphNode strange[] = {HandleOf(foreign)};
  const CUgraphNode rubbish[] = {reinterpret_cast<CUgraphNode>(0x1234)};
  EXPECT_EQ(graphs_.ReadEdges(*graph_, twice, nullptr, 2, edges), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(graphs_.ReadEdges(*graph_, strange, nullptr, 1, edges), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(graphs_.ReadEdges(*graph_, rubbish, nullptr, 1, edges), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(graphs_.ReadEdges(*graph_, nullptr, nullptr, 1, edges), CUDA_ERROR_INVALID_VALUE);
  edges.clear();
  EXPECT_EQ(graphs_.ReadEdges(*graph_, twice, nullptr, 1, edges), CUDA_SUCCESS);
}

TEST_F(GraphsTest, AChildIsACopyAndACloneCopiesItToo) {
  Graph* const inner = graphs_.Create();
  GraphNode* const inner_node = graphs_.AddNode(*inner, HostWork{nullptr, &graphs_}, {});
  GraphNode* const parent = Add({}, ChildWork{{inner, [](Graph*) {}}});
  graphs_.Destroy(inner);
  const auto& child = *std::get<ChildWork>(parent->work).graph;
  ASSERT_EQ(child.nodes.size(), 1u);
  EXPECT_NE(child.nodes[0].get(), inner_node);
  EXPECT_EQ(std::get<HostWork>(child.nodes[0]->work).user_data, &graphs_);
  EXPECT_EQ(child.owner, parent);

  Graph* const clone = graphs_.Clone(*graph_);
  EXPECT_EQ(clone->copied_from, graph_->id);
  EXPECT_EQ(clone->nodes[0]->copied_from, parent->id);
  const auto& cloned_child = *std::get<ChildWork>(clone->nodes[0]->work).graph;
  EXPECT_NE(&cloned_child, &child);
  EXPECT_EQ(cloned_child.nodes[0]->copied_from, child.nodes[0]->id);
  const CUgraphNode handle = HandleOf(child.nodes[0].get());
  graphs_.Destroy(graph_);
  EXPECT_EQ(graphs_.FindNode(handle), nullptr);  // what was in it has ended with it
  EXPECT_EQ(cloned_child.nodes.size(), 1u);
}

}  // namespace
}  // namespace paella::shim
